#include <algorithm>
#include <string>
#include <utility>

#include "block/assert.h"
#include "session/remote_leaf_impl.h"

namespace dst {
namespace {

/// Losses that a quick retry does not mend.
bool is_slow_to_mend(Errc code) noexcept {
    switch (code) {
        case Errc::fenced:
        case Errc::refused:
        case Errc::not_found:
        case Errc::not_supported:
        case Errc::protocol_error:
        case Errc::corrupt: return true;
        case Errc::ok:
        case Errc::invalid_argument:
        case Errc::medium_error:
        case Errc::no_space:
        case Errc::io_error:
        case Errc::timed_out:
        case Errc::disconnected:
        case Errc::busy:
        case Errc::not_ready:
        case Errc::incarnation_changed:
        case Errc::cancelled:
        case Errc::changed:
        case Errc::mismatch:
        case Errc::too_large:
        case Errc::out_of_resources: return false;
    }
    return false;
}

}  // namespace

RemoteLeafImpl::Slot::Slot(RemoteLeafImpl& leaf, std::size_t in_index)
    : index(in_index),
      connection(leaf.loop_, leaf.options_, leaf),
      retry(leaf.loop_, [&leaf, this] { leaf.connect(*this); }),
      backoff(leaf.options_.backoff_min) {}

RemoteLeafImpl::RemoteLeafImpl(RemoteLeaf& leaf, Loop& loop, EventSink& events, RemoteLeafOptions options,
                               LinkFactory make_link)
    : leaf_(leaf),
      loop_(loop),
      events_(events),
      options_(std::move(options)),
      make_link_(std::move(make_link)),
      pump_task_(loop, [this] { pump(); }),
      down_task_(loop, [this] { tell_down(last_error_, Fall::cut); }) {
    DST_ASSERT(options_.connections >= 1 && options_.connections <= 8);
    DST_ASSERT(options_.request_bytes_max >= 65536 && options_.request_bytes_max % 65536 == 0);
    for (std::size_t i = 0; i < options_.connections; ++i) slots_.push_back(std::make_unique<Slot>(*this, i));
}

RemoteLeafImpl::~RemoteLeafImpl() { DST_ASSERT(jobs_.in_use() == 0); }

void RemoteLeafImpl::open() {
    DST_ASSERT(!opened_);
    opened_ = true;
    connect(*slots_[0]);
}

void RemoteLeafImpl::close(std::function<void()> closed) {
    DST_ASSERT(!closing_);
    closing_ = true;
    up_ = false;
    lost_code_ = Errc::cancelled;
    down_task_.cancel();
    for (const auto& slot : slots_) {
        slot->retry.stop();
        // With requests on their way the cut says enough: nobody waits for their answers any more.
        if (jobs_.in_use() == 0) slot->connection.say_close();
    }
    end_requests(Errc::cancelled);
    // After the requests that complete now, and after whatever was deferred before.
    loop_.defer(std::move(closed));
}

void RemoteLeafImpl::cut(const Error& why) {
    if (!up_) return;
    go_down(why);
    down_task_.post();
}

void RemoteLeafImpl::assume_geometry(const Geometry& geometry) {
    if (geometry_known_) return;
    geometry_ = geometry;
    geometry_known_ = true;
}

void RemoteLeafImpl::set_identity(const LeafIdentity& identity) {
    identity_ = identity;
    Slot& first = *slots_[0];
    if (!first.retry.running()) return;
    // It may have been refused for what it was before.
    first.backoff = options_.backoff_min;
    retry_later(first, Errc::ok);
}

void RemoteLeafImpl::connect(Slot& slot) {
    if (slot.index == 0) group_ = loop_.random_id();
    wire::Open open;
    open.export_name = options_.export_name;
    open.storage = identity_.storage;
    open.place = identity_.place.substr(0, wire::name_bytes_max);
    open.epoch = identity_.epoch;
    open.head = identity_.head.substr(0, wire::name_bytes_max);
    open.connection = group_;
    open.replaces = group_before_ == group_ ? Id{} : group_before_;
    slot.connection.start(make_link_(), std::move(open));
}

void RemoteLeafImpl::retry_later(Slot& slot, Errc why) {
    if (is_slow_to_mend(why)) slot.backoff = options_.backoff_max;
    const auto half = static_cast<std::uint64_t>(slot.backoff.count()) / 2;
    const auto jitter = static_cast<Duration::rep>(half == 0 ? 0 : loop_.random() % (half + 1));
    slot.retry.start(Duration(static_cast<Duration::rep>(half) + jitter));
    slot.backoff = std::min(slot.backoff * 2, options_.backoff_max);
}

void RemoteLeafImpl::connect_others() {
    if (!up_ || !epoch_accepted_) return;
    for (std::size_t i = 1; i < slots_.size(); ++i) {
        if (slots_[i]->connection.closed() && !slots_[i]->retry.running()) connect(*slots_[i]);
    }
}

/// Before the epoch changes: they named the old one. False: requests may run on one of them.
bool RemoteLeafImpl::close_others() {
    const bool one_is_open =
        std::any_of(slots_.begin() + 1, slots_.end(), [](const auto& slot) { return slot->connection.is_open(); });
    if (one_is_open && jobs_.in_use() > 0) return false;
    for (std::size_t i = 1; i < slots_.size(); ++i) {
        slots_[i]->retry.stop();
        slots_[i]->connection.say_close();
    }
    return true;
}

void RemoteLeafImpl::opened(ClientConnection& connection) {
    Slot& slot = slot_of(connection);
    const wire::OpenAnswer& opened = connection.opened_as();
    if (slot.index == 0) return check_pin(connection, opened);
    if (!same_medium(opened)) {
        return lost(connection, {Errc::incarnation_changed, options_.name + " changed while it was open"});
    }
    slot.backoff = options_.backoff_min;
    has_room();
}

void RemoteLeafImpl::come_up(const wire::OpenAnswer& opened) {
    notice_changes(opened);
    geometry_ = opened.geometry;
    geometry_known_ = true;
    incarnation_ = opened.incarnation;
    medium_ = opened.medium;
    epoch_accepted_ = opened.epoch_accepted;
    if (epoch_accepted_ && !pin_.set()) pin_.pin(opened.medium, geometry_.size_bytes, incarnation_);
    if (epoch_accepted_) pin_.saw(incarnation_);
    group_before_ = group_;
    up_ = true;
    told_ = false;
    last_error_ = {Errc::ok, {}};
    events_.event(Severity::info, "netnode-connected",
                  options_.name + " is connected (" + slots_[0]->connection.netnode_program() + ")", {});
    connect_others();
    leaf_.notify_up();
}

void RemoteLeafImpl::check_pin(ClientConnection& connection, const wire::OpenAnswer& opened) {
    // A fenced one was refused by the netnode.
    const Errc epoch = opened.epoch_accepted ? Errc::ok : Errc::refused;
    const FoundMedium there{opened.label_state, opened.medium, epoch, opened.geometry.size_bytes, opened.incarnation};
    const Error why = pin_.check(identity_, there);
    found_another_ = MediumPin::is_another(why, there);
    why.code == Errc::ok ? come_up(opened) : lost(connection, why);
}

void RemoteLeafImpl::notice_changes(const wire::OpenAnswer& opened) {
    if (!medium_.is_nil() && medium_ != opened.medium) {
        events_.event(Severity::warning, "medium-changed",
                      options_.name + " shows another medium than before: " +
                          (opened.medium.is_nil() ? "one without a label" : short_string(opened.medium)) +
                          " in place of " + short_string(medium_) +
                          "; if nobody changed the disk, look at the netnode's file",
                      {});
    }
    if (!geometry_known_ || geometry_.size_bytes == opened.geometry.size_bytes) return;
    const bool smaller = opened.geometry.size_bytes < geometry_.size_bytes;
    events_.event(smaller ? Severity::warning : Severity::notice, smaller ? "medium-shrunk" : "medium-grown",
                  options_.name + " has " + std::to_string(opened.geometry.size_bytes) + " bytes now, before " +
                      std::to_string(geometry_.size_bytes),
                  {});
}

bool RemoteLeafImpl::same_medium(const wire::OpenAnswer& opened) const noexcept {
    return opened.geometry == geometry_ && opened.incarnation == incarnation_ && opened.medium == medium_ &&
           opened.epoch_accepted == epoch_accepted_;
}

void RemoteLeafImpl::lost(ClientConnection& connection, const Error& why) {
    Slot& slot = slot_of(connection);
    const bool was_one_of_it = slot.index == 0 || connection.life_was_open();
    if (!was_one_of_it) return retry_later(slot, why.code);
    const bool was_up = up_;
    go_down(why);
    tell_down(why, was_up ? Fall::lost : Fall::unreachable);
}

/// All connections fall together: a request that is sent again, or a resync, must not meet one that still is queued on
/// another connection of this leaf (M7, M14).
void RemoteLeafImpl::go_down(const Error& why) {
    if (up_) slots_[0]->backoff = options_.backoff_min;
    up_ = false;
    epoch_accepted_ = false;
    told_ = told_ && last_error_ == why;
    last_error_ = why;
    for (const auto& slot : slots_) slot->retry.stop();
    end_requests(Errc::disconnected);
    retry_later(*slots_[0], why.code);
}

void RemoteLeafImpl::end_requests(Errc code) {
    lost_code_ = code;
    pump_task_.cancel();
    while (!waiting_.empty()) {
        Job& job = waiting_.front();
        ++job.outstanding;  // for the rest, which no connection has
        part_lost(job);
    }
    for (const auto& slot : slots_) slot->connection.cut({code, last_error_.text});
}

void RemoteLeafImpl::tell_down(const Error& why, Fall fall) {
    if (closing_ || up_ || (told_ && fall == Fall::unreachable)) return;
    told_ = true;
    if (why.code == Errc::refused && !identity_.epoch.none()) {
        events_.event(Severity::error, "medium-refused",
                      options_.name + " is not used as it is: " + why.text +
                          "; it is looked at until the right one is there. A mirror may take it in and fill it anew, "
                          "and says so",
                      {});
        return leaf_.notify_down(why);
    }
    std::string text = options_.name;
    if (why.code == Errc::fenced) {
        events_.event(Severity::warning, "netnode-lost", text + " takes nothing from this head any more: " + why.text,
                      {});
        return leaf_.notify_down(why);
    }
    switch (fall) {
        case Fall::lost: text += " is lost: " + to_string(why) + "; it is tried again until it is back"; break;
        case Fall::unreachable:
            text += " cannot be reached: " + to_string(why) + "; it is tried again until it is back";
            break;
        case Fall::cut: text += " is cut off from here, and connected anew, because of: " + why.text; break;
    }
    events_.event(Severity::warning, "netnode-lost", text, {});
    leaf_.notify_down(why);
}

RemoteLeafImpl::Slot& RemoteLeafImpl::slot_of(ClientConnection& connection) {
    const auto found = std::find_if(slots_.begin(), slots_.end(),
                                    [&connection](const auto& slot) { return &slot->connection == &connection; });
    DST_ASSERT(found != slots_.end());
    return **found;
}

}  // namespace dst
