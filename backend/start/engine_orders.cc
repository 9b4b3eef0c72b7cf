#include "start/engine_impl.h"

/// What an administrator orders of a storage that a head has open (docs/mirror.md, "Orders").
namespace dst {
namespace {

/// The member of a mirror that the file names so; null: there is none.
const Vertex* member_named(const Vertex& vertex, const std::string& name) {
    for (const auto& child : vertex.children) {
        if (vertex.mirror != nullptr && child->spec->name == name) return child.get();
        if (const Vertex* found = member_named(*child, name)) return found;
    }
    return nullptr;
}

}  // namespace

Result<std::string> StorageEngine::Impl::order(const Order& order) {
    if (is_serving()) return Error{Errc::refused, why_not_serving_anew(order)};
    if (fenced_ || closing_ || !leaves_open_) return Error{Errc::refused, state_reason()};
    if (order.what == StartOrder::none) return take_order_back();
    if (order.what == StartOrder::accept_data_loss) {
        if (Error why = starter_.why_not_lose_data(); why.code != Errc::ok) return why;
    }
    Order placed = order;
    if (order.what == StartOrder::resolve) {
        const Vertex* const member = member_named(tree_.root(), order.member);
        if (member == nullptr) {
            return Error{Errc::invalid_argument,
                         "no member of a mirror is named " + order.member + "; see dstctl status"};
        }
        placed.mirror = starter_.mirror_id(*member->parent);
        placed.number = member->parent->mirror->number(member->position);
    }
    return place(placed);
}

/// A split of which one side is served already is decided by the next start.
std::string StorageEngine::Impl::why_not_serving_anew(const Order& order) const {
    if (order.what == StartOrder::none) return "the storage serves; no order is there that could be taken back";
    const StorageState now = storage_state();
    const bool held = now == StorageState::held || now == StorageState::failed;
    if (order.what != StartOrder::resolve && !held) return "the storage serves; nothing is to be ordered";
    const std::string words = order.what == StartOrder::resolve
                                  ? "resolve " + starter_.command_target() + " --discard " + order.member
                                  : "start " + starter_.command_target() +
                                        (order.what == StartOrder::takeover ? " --takeover" : " --accept-data-loss");
    return (held ? std::string("the storage has been started, and waits for what is away")
                 : std::string("the storage serves")) +
           ", and only a start carries that out: close the storage (end its sessions, remove the LUN), order 'dstctl " +
           words + "' again, and open it (add the LUN)";
}

/// It is durable before long; a start that waits follows it at once.
Result<std::string> StorageEngine::Impl::place(const Order& order) {
    if (order.what == StartOrder::resolve && (order.mirror.is_nil() || order.number == 0)) {
        return Error{Errc::refused, "it is not known which member of its mirror " + order.member +
                                        " is: neither it nor the journal says so"};
    }
    journal_.give_order(order.what, {order.mirror, order.number});
    journal_.write([](const Result<void>&) {});
    tell_order();
    starter_.order_given();
    const bool waits = starter_.state() == Starter::State::waiting || starter_.state() == Starter::State::starting;
    return std::string(waits ? "the head that has it open carries the order out now"
                             : "the order lies in the journal; end the storage (remove the LUN) and open it again, "
                               "which carries it out");
}

/// It was given just now, or lies in the journal that was opened.
void StorageEngine::Impl::tell_order() {
    const StartOrder order = journal_.journal().order;
    if (order == StartOrder::none) return;
    events_.event(Severity::notice, "start-order-taken",
                  "the storage is ordered " + std::string(describe(order)) +
                      ": its start carries that out, once; 'dstctl start " + starter_.command_target() +
                      " --cancel' takes the order back before",
                  {{"storage", storage_.name}});
}

Result<std::string> StorageEngine::Impl::take_order_back() {
    const StartOrder order = journal_.journal().order;
    if (order == StartOrder::none) return Error{Errc::not_found, "no order is there that could be taken back"};
    if (!starter_.may_take_order_back()) {
        return Error{Errc::busy, "the order is being carried out: members may have a record by it already"};
    }
    const std::vector<OrderedDiscard> discards = journal_.journal().discards;
    journal_.take_order_away();
    const std::string text = "the order " + std::string(describe(order)) + " is taken back";
    journal_.write([this, order, discards, text](const Result<void>& written) {
        if (written) return events_.event(Severity::notice, "start-order-done", text, {{"storage", storage_.name}});
        if (journal_.journal().order == StartOrder::none) journal_.put_order_back(order, discards);
        events_.event(Severity::error, "start-order-stays",
                      "the order " + std::string(describe(order)) +
                          " could not be taken out of the journal, and stands: mend the journal's filesystem, and take "
                          "the order back again",
                      {{"storage", storage_.name}, {"why", to_string(written.error())}});
    });
    starter_.order_taken_back();
    return text;
}

}  // namespace dst
