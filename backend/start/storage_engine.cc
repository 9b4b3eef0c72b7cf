#include "start/storage_engine.h"

#include <algorithm>
#include <utility>

#include "start/engine_impl.h"
#include "tree/owned_request.h"

namespace dst {
namespace {

/// What a clean end may take before what hangs is cut off.
constexpr Duration close_time = std::chrono::seconds(20);

std::vector<const Vertex*> leaves_above_which_no_mirror_is(const Tree& tree) {
    std::vector<const Vertex*> found;
    for (const Vertex* leaf : tree.leaves()) {
        const Vertex* above = leaf->parent;
        while (above != nullptr && above->mirror == nullptr) above = above->parent;
        if (above == nullptr) found.push_back(leaf);
    }
    return found;
}

}  // namespace

StorageEngine::Impl::Impl(spec::Storage storage, EngineEnvironment environment, Observer* observer)
    : storage_(std::move(storage)),
      loop_(environment.loop),
      events_(environment.events),
      make_leaf_(std::move(environment.make_leaf)),
      head_(std::move(environment.head)),
      observer_(observer),
      journal_(loop_, events_, std::move(environment.journal)),
      tree_(storage_.tree, make_leaf_,
            {loop_, events_, &journal_, storage_.policy.member_timeout, storage_.policy.resync,
             !storage_.policy.write_cache},
            this),
      unmirrored_(leaves_above_which_no_mirror_is(tree_)),
      gate_(loop_, events_, storage_.policy,
            environment.outermost ? Gate::Standing::outermost : Gate::Standing::below_another),
      starter_({loop_, events_, storage_, tree_, journal_, head_, environment.outermost}, hooks()),
      joiner_({loop_, events_, storage_, tree_, journal_, head_, environment.outermost}, starter_),
      close_timer_(loop_, [this] { cut_at_close(); }) {
    journal_.set_on_fenced([this](const std::string& member) { fenced(member); });
    journal_.set_on_record([this] { joiner_.record_changes(); });
    journal_.set_on_last_changed([this] {
        gate_.data_lost();
        tell_data_lost();
    });
    const auto incarnations = [this] {
        std::vector<Incarnation> now;
        for (const Vertex* leaf : unmirrored_) now.push_back(leaf->device->incarnation());
        return now;
    };
    if (!unmirrored_.empty()) gate_.set_on_data_lost(incarnations, [this] { data_lost(); });
    // A leaf's notices come through on_leaf_up() and on_leaf_down().
    if (tree_.root().leaf == nullptr) tree_.root().device->set_observer(&gate_.tree_observer());
    gate_.set_on_fenced([this] { fenced(tree_.root().spec->name); });
    gate_.set_part_is_lost([this] { return part_is_lost(); });
    gate_.set_last_answer_below([this] {
        TimePoint last;
        for (const Vertex* mirror : tree_.mirrors()) last = std::max(last, mirror->mirror->last_answer());
        return last;
    });
}

Starter::Hooks StorageEngine::Impl::hooks() {
    return {[this](const Geometry& geometry, const Id& id) { sized(geometry, id); }, [this] { serving(); },
            [this](const Error& why) { failed(why); },
            [this](const Error& why) { tell([why](Observer& observer) { observer.on_refused(why); }); }};
}

void StorageEngine::Impl::open() {
    opened_ = true;
    gate_.opened();
    journal_.open([this](const Result<void>& result) {
        if (closing_) return;
        if (!result) {
            journal_error_ = result.error();
            events_.event(Severity::error, "journal-unusable", journal_error_.text, {{"storage", storage_.name}});
            return failed(journal_error_);
        }
        const std::string& name = journal_.journal().storage_name;
        if (!name.empty() && name != storage_.name) return refuse_journal();
        if (journal_.found()) assume();
        tell_order();
        for (const Vertex* leaf : tree_.leaves()) {
            leaf->leaf->set_identity({journal_.journal().storage, Tree::place_of(*leaf), {}, head_});
            leaf->leaf->open();
        }
        leaves_open_ = true;
        starter_.begin();
    });
}

/// It knows nothing of this storage, and all of the other one.
void StorageEngine::Impl::refuse_journal() {
    const Journal& journal = journal_.journal();
    journal_error_ = {Errc::refused, "the journal " + journal_.name() + " is of the storage '" + journal.storage_name +
                                         "' (id " + to_string(journal.storage) + "), not of '" + storage_.name +
                                         "', and is left as it is; name this storage's own after 'journal:' in its "
                                         "file, or leave that line out"};
    events_.event(Severity::error, "journal-unusable", journal_error_.text, {{"storage", storage_.name}});
    failed(journal_error_);
}

/// The journal's sizes stand for nodes that cannot be reached yet, so that a LUN can be attached and hold I/O.
void StorageEngine::Impl::assume() {
    const Journal& journal = journal_.journal();
    std::vector<LeafFinding> nothing(tree_.leaves().size());
    assign_places(tree_, journal.records, nothing);
    const std::vector<Vertex*> mirrors = mirrors_in_reading_order(tree_);
    if (journal.records.size() == mirrors.size()) {
        for (std::size_t i = 0; i < mirrors.size(); ++i) {
            if (!journal.records[i].mirror.is_nil()) mirrors[i]->mirror->assume(journal.records[i]);
        }
    }
    Geometry whole;
    for (const Vertex* leaf : tree_.leaves()) {
        const std::string place = Tree::place_of(*leaf);
        for (const RecordLeaf& known : journal.leaves) {
            whole.physical_block_bytes = std::max(whole.physical_block_bytes, known.physical_block_bytes);
            if (known.place != place) continue;
            Geometry geometry;
            geometry.size_bytes = known.size_bytes;
            geometry.logical_block_bytes = known.logical_block_bytes;
            geometry.physical_block_bytes = known.physical_block_bytes;
            leaf->leaf->assume_geometry(geometry);
        }
    }
    whole.size_bytes = journal.size_bytes;
    whole.logical_block_bytes = journal.logical_block_bytes;
    whole.physical_block_bytes = std::max(whole.physical_block_bytes, whole.logical_block_bytes);
    whole.can_unmap = true;
    sized(whole, journal.storage);
}

void StorageEngine::Impl::sized(const Geometry& geometry, const Id& id) {
    if (gate_.geometry().size_bytes != 0 || geometry.size_bytes == 0) return;
    id_ = id;
    gate_.set_geometry(geometry);
    tell([](Observer& observer) { observer.on_sized(); });
}

void StorageEngine::Impl::serving() {
    // A journal knows sizes and blocks, not what the media are able to do.
    Geometry geometry = gate_.geometry();
    geometry.can_unmap = tree_.root().device->geometry().can_unmap;
    geometry.fast_zeroes = tree_.root().device->geometry().fast_zeroes;
    gate_.set_geometry(geometry);
    gate_.serve(*tree_.root().device);
    joiner_.begin();
    tell([](Observer& observer) { observer.on_serving(); });
}

void StorageEngine::Impl::failed(const Error& why) {
    gate_.fail(Errc::io_error);
    tell([why](Observer& observer) { observer.on_failed(why); });
}

void StorageEngine::Impl::fenced(const std::string& member) {
    // A starting head begins again by itself (M6).
    if (fenced_ || starter_.state() != Starter::State::serving) return;
    journal_.set_overtaken();
    if (closing_) return;
    fenced_ = true;
    fenced_reason_ =
        "another head has taken over (" + member +
        " refuses this one); all requests fail from now on, and this head never serves it again: remove the "
        "LUN here";
    events_.event(Severity::critical, "storage-fenced", fenced_reason_, {{"storage", storage_.name}});
    gate_.fail(Errc::fenced);
    joiner_.stop();
    tell([](Observer& observer) { observer.on_fenced(); });
}

void StorageEngine::Impl::data_lost() {
    if (closing_) return;
    events_.event(Severity::error, "writes-lost",
                  "a disk of the storage that no mirror is above came back and may have lost writes that were never "
                  "flushed; the storage carries on with it, and initiators are told. Check the file systems and data "
                  "bases on the storage",
                  {{"storage", storage_.name}});
    tell_data_lost();
}

/// A flush that comes in this same turn of the loop must not pass between the gate, which has marked those that it has,
/// and whoever marks those that are on the way to it.
void StorageEngine::Impl::tell_data_lost() {
    if (observer_ != nullptr && !closing_) observer_->on_data_lost();
}

void StorageEngine::Impl::on_leaf_up(std::size_t leaf) {
    if (closing_) return;
    starter_.leaf_up(leaf);
    joiner_.leaf_up(leaf);
    if (tree_.root().leaf != nullptr) gate_.tree_observer().on_up(*tree_.root().device);
    gate_.came_back();
}

void StorageEngine::Impl::on_leaf_down(std::size_t leaf, const Error& why) {
    starter_.leaf_down(leaf);
    joiner_.leaf_down(leaf);
    if (tree_.root().leaf != nullptr) gate_.tree_observer().on_down(*tree_.root().device, why);
}

void StorageEngine::Impl::tell(std::function<void(Observer&)> what) {
    if (observer_ == nullptr) return;
    loop_.defer([alive = std::weak_ptr<int>(alive_), this, what = std::move(what)] {
        if (!alive.expired() && !closing_) what(*observer_);
    });
}

bool StorageEngine::Impl::is_serving() const { return !fenced_ && starter_.state() == Starter::State::serving; }

/// In order: no new requests, none in flight, no start and no attempt to take a member back under way; flushed and
/// marked clean; inner devices, then leaves.
void StorageEngine::Impl::close(std::function<void()> closed) {
    DST_ASSERT(!closing_);
    const bool clean = is_serving();
    closing_ = true;
    closed_ = std::move(closed);
    close_timer_.start(close_time);
    joiner_.stop();
    gate_.close([this, clean] {
        starter_.end([this, clean] {
            joiner_.end([this, clean] {
                if (clean) return settle();
                close_inner();
            });
        });
    });
}

void StorageEngine::Impl::cut_at_close() {
    events_.event(Severity::warning, "close-stuck", "a node does not answer while the storage is closed; it is cut off",
                  {{"storage", storage_.name}});
    for (const Vertex* leaf : tree_.leaves()) {
        if (leaf->device->up()) leaf->device->cut({Errc::timed_out, "it does not answer while the storage is closed"});
    }
    close_timer_.start(close_time);
}

/// Outer mirrors first: what they write at the end goes through the inner ones. Each mirror flushes what is below it.
void StorageEngine::Impl::settle() { settle_next(mirrors_in_reading_order(tree_), 0); }

void StorageEngine::Impl::flush_unmirrored() {
    auto step = std::make_shared<StartStep>(loop_, [this](const Result<void>& flushed) {
        if (!flushed) settle_failed(flushed.error());
        close_inner();
    });
    for (const Vertex* leaf : unmirrored_) {
        OwnedOrder order;
        order.operation = Operation::flush;
        submit_owned(*leaf->device, std::move(order), [leaf, ended = step->add()](Errc code, const Bytes&) {
            ended(code == Errc::ok ? Result<void>() : Error{code, leaf->spec->name + " did not flush at the end"});
        });
    }
    step->all_added();
}

void StorageEngine::Impl::settle_next(std::vector<Vertex*> mirrors, std::size_t at) {
    if (at == mirrors.size()) return flush_unmirrored();
    Mirror& mirror = *mirrors[at]->mirror;
    if (!mirror.serving()) return settle_next(std::move(mirrors), at + 1);
    mirror.settle([this, mirrors, at](const Result<void>& result) {
        if (!result) settle_failed(result.error());
        settle_next(mirrors, at + 1);
    });
}

void StorageEngine::Impl::settle_failed(const Error& why) {
    events_.event(Severity::warning, "unclean-end",
                  "the storage could not be closed cleanly; the next start treats all its members with suspicion: " +
                      to_string(why),
                  {{"storage", storage_.name}});
}

void StorageEngine::Impl::close_inner() {
    auto step = std::make_shared<StartStep>(loop_, [this](const Result<void>&) { close_leaves(); });
    close_vertex(tree_.root(), *step, false);
    step->all_added();
}

void StorageEngine::Impl::close_leaves() {
    close_timer_.stop();
    auto step = std::make_shared<StartStep>(loop_, [this](const Result<void>&) { close_journal(); });
    if (leaves_open_) close_vertex(tree_.root(), *step, true);
    step->all_added();
}

void StorageEngine::Impl::close_vertex(Vertex& vertex, StartStep& step, bool leaves) {
    if ((vertex.leaf != nullptr) == leaves) {
        vertex.device->close([ended = step.add()] { ended({}); });
    }
    for (const auto& child : vertex.children) close_vertex(*child, step, leaves);
}

void StorageEngine::Impl::close_journal() {
    if (journal_.idle()) return loop_.defer(std::exchange(closed_, nullptr));
    journal_.write([this](const Result<void>&) { loop_.defer(std::exchange(closed_, nullptr)); });
}

StorageEngine::StorageEngine(spec::Storage storage, EngineEnvironment environment, Observer* observer)
    : impl_(std::make_unique<Impl>(std::move(storage), std::move(environment), observer)) {}

StorageEngine::~StorageEngine() = default;

void StorageEngine::open() { impl_->open(); }
BlockDevice& StorageEngine::root() { return impl_->gate(); }
Geometry StorageEngine::geometry() const { return impl_->gate().geometry(); }
Id StorageEngine::storage_id() const { return impl_->id(); }
StorageStatus StorageEngine::status() const { return impl_->status(); }
bool StorageEngine::waiting() const {
    const Starter::State state = impl_->starter().state();
    return state == Starter::State::waiting || state == Starter::State::starting;
}
Result<std::string> StorageEngine::order(const Order& order) { return impl_->order(order); }
bool StorageEngine::serving() const { return impl_->is_serving(); }
void StorageEngine::close(std::function<void()> closed) { impl_->close(std::move(closed)); }

}  // namespace dst
