#include "start/initializer.h"

#include <algorithm>
#include <utility>

#include "start/blank_check.h"
#include "start/error_text.h"
#include "start/init_plan.h"
#include "start/initializer_impl.h"
#include "tree/owned_request.h"

namespace dst {
namespace {

/// How long nodes may take to be reached.
constexpr Duration reach_time = std::chrono::seconds(5);

/// Zeroes are written in steps of this size, so that every request ends soon.
constexpr std::uint64_t zero_step_bytes = 256u << 20;

/// At both ends of a medium: farther in nobody who is known to libblkid keeps a signature of a whole disk.
constexpr std::uint64_t wiped_bytes = 8u << 20;

}  // namespace

Initializer::Impl::Impl(spec::Storage storage, EngineEnvironment environment, InitOptions options)
    : storage_(std::move(storage)),
      options_(std::move(options)),
      loop_(environment.loop),
      events_(environment.events),
      make_leaf_(std::move(environment.make_leaf)),
      head_(std::move(environment.head)),
      journal_(loop_, events_, std::move(environment.journal)),
      tree_(storage_.tree, make_leaf_, {loop_, events_, &journal_, storage_.policy.member_timeout}, this),
      found_(tree_.leaves().size()),
      reported_down_(tree_.leaves().size(), false),
      reach_timer_(loop_, [this] { look(); }),
      look_task_(loop_, [this] { maybe_look(); }) {
    for (const Vertex* leaf : tree_.leaves()) report_.leaves.push_back({leaf->spec->name, {}, {}, Errc::ok});
}

void Initializer::Impl::run(Callback<InitReport> done) {
    done_ = std::move(done);
    for (const Vertex* leaf : tree_.leaves()) {
        leaf->leaf->set_identity({{}, {}, {}, head_});
        leaf->leaf->open();
    }
    reach_timer_.start(reach_time);
}

void Initializer::Impl::on_leaf_up(std::size_t) { look_task_.post(); }

void Initializer::Impl::on_leaf_down(std::size_t leaf, const Error&) {
    reported_down_[leaf] = true;
    look_task_.post();
}

/// All are there, or those that are not are disks of this machine, which do not come by waiting.
void Initializer::Impl::maybe_look() {
    const auto settled = [this](const Vertex* leaf) {
        const bool disk = std::holds_alternative<spec::Disk>(leaf->spec->what);
        return leaf->device->up() || (disk && reported_down_[leaf->index]);
    };
    if (std::all_of(tree_.leaves().begin(), tree_.leaves().end(), settled)) look();
}

void Initializer::Impl::look() {
    if (looking_) return;
    looking_ = true;
    reach_timer_.stop();
    peek_all([this] { probe_all(); });
}

void Initializer::Impl::peek_all(std::function<void()> then) {
    auto step = std::make_shared<StartStep>(loop_, [then = std::move(then)](const Result<void>&) { then(); });
    for (const Vertex* leaf : tree_.leaves()) {
        InitLeaf& found = found_[leaf->index];
        if (!leaf->device->up()) {
            const Error& why = leaf->leaf->last_error();
            found.error = {
                why.code == Errc::ok ? Errc::disconnected : why.code,
                leaf->spec->name + " cannot be reached" + (why.code == Errc::ok ? "" : ": " + error_text(why))};
            continue;
        }
        leaf->leaf->peek([&found, end = step->add()](const Result<Peek>& peek) {
            if (peek) found.peek = *peek;
            if (!peek) found.error = peek.error();
            end({});
        });
    }
    step->all_added();
}

void Initializer::Impl::probe_all() {
    auto step = std::make_shared<StartStep>(loop_, [this](const Result<void>&) { look_for_data(); });
    for (const Vertex* leaf : tree_.leaves()) {
        InitLeaf& found = found_[leaf->index];
        if (found.error.code != Errc::ok) continue;
        leaf->leaf->probe([&found, end = step->add()](const Result<Probe>& probe) {
            if (probe) found.probe = *probe;
            if (!probe) found.error = probe.error();
            end({});
        });
    }
    step->all_added();
}

/// What libblkid does not know: a data base's disk, encrypted data, a disk of a storage that was cut or grown.
void Initializer::Impl::look_for_data() {
    const auto adopted = adopted_leaves(tree_, options_);
    if (!adopted) return give_up(adopted.error());
    auto step = std::make_shared<StartStep>(loop_, [this](const Result<void>&) { check(); });
    for (const Vertex* leaf : tree_.leaves()) {
        InitLeaf& found = found_[leaf->index];
        const bool refused = found.error.code != Errc::ok || !found.probe.found.empty();
        const bool may_be_blank = found.peek.label_state == LabelState::absent && !found.probe.zeroes_known;
        if (options_.force || (*adopted)[leaf->index] || refused || !may_be_blank) continue;
        const Extent all{0, leaf->device->geometry().size_bytes};
        find_data(*leaf->device, all, [&found, leaf, end = step->add()](const auto& data) {
            if (data) found.data_at = *data;
            if (!data) found.error = {data.error().code, leaf->spec->name + ": " + data.error().text};
            end({});
        });
    }
    step->all_added();
}

/// Nothing has been changed so far; nothing will be unless all may be taken.
void Initializer::Impl::check() {
    const auto adopted = adopted_leaves(tree_, options_);
    if (!adopted) return give_up(adopted.error());
    if (const std::string twice = check_distinct(tree_, found_); !twice.empty()) {
        return give_up({Errc::refused, "nothing was changed: " + twice});
    }
    Error first{Errc::ok, {}};
    for (const Vertex* leaf : tree_.leaves()) {
        const InitLeaf& found = found_[leaf->index];
        const Error why = check_init_leaf(*leaf, found, storage_.name, options_, (*adopted)[leaf->index]);
        if (why.code == Errc::ok) continue;
        report_.leaves[leaf->index].code = why.code;
        report_.leaves[leaf->index].text = why.text;
        if (first.code == Errc::ok) first = why;
    }
    if (first.code != Errc::ok) return give_up({first.code, "nothing was changed: " + first.text});
    auto plan = make_init_plan(tree_, storage_.name, found_, options_, loop_);
    if (!plan) return give_up({plan.error().code, "nothing was changed: " + plan.error().text});
    plan_ = std::move(*plan);
    check_adopted_end();
}

/// Labels, records and maps take the end of what is adopted, which a file system may reach.
void Initializer::Impl::check_adopted_end() {
    if (!options_.adopt) return open_journal();
    const AdoptedEnd end = adopted_end(tree_, plan_, options_);
    report_.adopted = {end.leaf->spec->name, end.cut.offset, end.cut.length + label_area_bytes};
    if (options_.force || end.cut.length == 0) return open_journal();
    find_data(*end.leaf->device, end.cut, [this, end](const Result<std::optional<std::uint64_t>>& data) {
        if (data && !*data) return open_journal();
        InitReport::LeafLine& line = report_.leaves[end.leaf->index];
        line.code = data ? Errc::refused : data.error().code;
        line.text = line.name + ": " + (data ? adopted_end_text(report_.adopted, **data) : data.error().text);
        give_up({line.code, "nothing was changed: " + line.text});
    });
}

/// The last look, as it makes a journal that is not there. One that is there may be all that another storage knows of
/// who has its last writes.
void Initializer::Impl::open_journal() {
    journal_.open([this](const Result<void>& opened) {
        const Error why = opened ? check_init_journal(journal_, found_, options_) : opened.error();
        if (why.code != Errc::ok) return give_up({why.code, "nothing was changed: " + why.text});
        erase_labels();
    });
}

/// Media without a label may be written to without an epoch. Erasing clears the label area of others' signatures too.
void Initializer::Impl::erase_labels() {
    auto step = std::make_shared<StartStep>(loop_, [this](const Result<void>& erased) {
        if (!erased) return give_up(erased.error());
        wipe_next(0, false);
    });
    const auto& wiped = plan_.to_be_wiped;
    for (const Vertex* leaf : tree_.leaves()) {
        const Peek& peek = found_[leaf->index].peek;
        const bool to_be_wiped = std::find(wiped.begin(), wiped.end(), leaf) != wiped.end();
        if (peek.label_state == LabelState::absent && !to_be_wiped) continue;
        leaf->leaf->write_label(peek, LabelImage{}, step->add<LabelImage>(nullptr));
    }
    step->all_added();
}

/// What was on a medium must not be found again beside the label, by whoever looks for filesystems and partitions.
void Initializer::Impl::wipe_next(std::size_t leaf, bool end) {
    if (leaf == plan_.to_be_wiped.size()) return probe_wiped();
    BlockDevice& device = *plan_.to_be_wiped[leaf]->device;
    const std::uint64_t size_bytes = device.geometry().size_bytes;
    const std::uint64_t length = std::min(wiped_bytes, size_bytes);
    OwnedOrder order;
    order.operation = Operation::write_zeroes;
    order.extent = {end ? size_bytes - length : 0, length};
    order.fua = true;
    submit_owned(device, std::move(order), [this, leaf, end](Errc code, const Bytes&) {
        const std::string& name = plan_.to_be_wiped[leaf]->spec->name;
        if (code != Errc::ok) return give_up({code, "the old signatures on " + name + " could not be overwritten"});
        wipe_next(end ? leaf + 1 : leaf, !end);
    });
}

void Initializer::Impl::probe_wiped() {
    auto step = std::make_shared<StartStep>(loop_, [this](const Result<void>& gone) {
        if (!gone) return give_up(gone.error());
        zero_next(0, 0);
    });
    for (const Vertex* leaf : plan_.to_be_wiped) {
        leaf->leaf->probe([name = leaf->spec->name, end = step->add()](const Result<Probe>& probe) {
            if (!probe) return end(probe.error());
            if (probe->found.empty()) return end({});
            end(Error{Errc::refused, name + " still carries " + probe->found +
                                         " after both its ends were zeroed, and has no label now; zero all of it, and "
                                         "run init again"});
        });
    }
    step->all_added();
}

void Initializer::Impl::zero_next(std::size_t leaf, std::uint64_t offset) {
    if (leaf == plan_.to_be_zeroed.size()) return erase_old_records();
    BlockDevice& device = *plan_.to_be_zeroed[leaf]->device;
    const std::uint64_t size_bytes = device.geometry().size_bytes;
    OwnedOrder order;
    order.operation = Operation::write_zeroes;
    order.extent = {offset, std::min(zero_step_bytes, size_bytes - offset)};
    const std::uint64_t next = order.extent.end();
    submit_owned(device, std::move(order), [this, leaf, next, size_bytes](Errc code, const Bytes&) {
        if (code != Errc::ok) return give_up({code, plan_.to_be_zeroed[leaf]->spec->name + " could not be zeroed"});
        if (next == size_bytes) return zero_next(leaf + 1, 0);
        zero_next(leaf, next);
    });
}

/// Copies of an earlier storage may lie there, or of another version: they must not stay beside the label, also where
/// no new ones are written, on members that are owed everything. Inner mirrors first, since outer ones are written
/// through them.
void Initializer::Impl::erase_old_records() {
    if (next_mirror_ == plan_.mirrors.size()) return settle_next();
    const InitPlan::MirrorPlan& mine = plan_.mirrors[next_mirror_];
    auto step = std::make_shared<StartStep>(loop_, [this](const Result<void>& erased) {
        if (!erased) return give_up(erased.error());
        write_record();
    });
    for (std::size_t i = 0; i < mine.mirror->children.size(); ++i) {
        mine.mirror->mirror->metadata(i).erase_record(step->add());
    }
    step->all_added();
}

void Initializer::Impl::write_record() {
    InitPlan::MirrorPlan& mine = plan_.mirrors[next_mirror_];
    Mirror& mirror = *mine.mirror->mirror;
    for (std::size_t i = 0; i < mine.mirror->children.size(); ++i) {
        mine.record.members[i].incarnation = mine.mirror->children[i]->device->incarnation();
    }
    mine.record.revision = 1;
    mirror.stand(mine.record, mine.in_sync);
    mirror.write_start_record(mine.record, 0, [this, &mirror](const Result<void>& written) {
        if (!written) return give_up(written.error());
        mirror.serve(0, [this](const Result<void>& served) {
            if (!served) return give_up(served.error());
            ++next_mirror_;
            erase_old_records();
        });
    });
}

/// Outer mirrors first: flushed, and their maps say that nothing differs.
void Initializer::Impl::settle_next() {
    if (next_mirror_ == 0) return write_journal();
    --next_mirror_;
    plan_.mirrors[next_mirror_].mirror->mirror->settle([this](const Result<void>& settled) {
        if (!settled) return give_up(settled.error());
        settle_next();
    });
}

/// Before the labels: a journal of an earlier storage of this name would speak against them. Without a claim, so that
/// the first start needs all members in sync.
void Initializer::Impl::write_journal() {
    Journal& journal = journal_.journal();
    journal_.give_up_claim();
    journal.storage = plan_.storage;
    journal.storage_name = storage_.name;
    journal.epoch_tried = 0;
    journal_.take_order_away();
    journal.size_bytes = plan_.size_bytes;
    journal.logical_block_bytes = plan_.logical_block_bytes;
    journal.records.clear();
    journal.leaves.clear();
    for (const Vertex* mirror : mirrors_in_reading_order(tree_)) {
        for (const InitPlan::MirrorPlan& mine : plan_.mirrors) {
            if (mine.mirror == mirror) journal.records.push_back(mine.record);
        }
    }
    for (const Vertex* leaf : tree_.leaves()) {
        const Label& label = plan_.labels[leaf->index];
        const Geometry& geometry = leaf->device->geometry();
        journal.leaves.push_back(
            {label.place, label.medium, label.size_bytes, geometry.logical_block_bytes, geometry.physical_block_bytes});
    }
    journal_.write([this](const Result<void>& written) {
        if (!written) return give_up(written.error());
        peek_all([this] { write_labels(); });
    });
}

void Initializer::Impl::write_labels() {
    auto step = std::make_shared<StartStep>(loop_, [this](const Result<void>& written) {
        if (!written) return give_up(written.error());
        report_.done = true;
        report_.storage = plan_.storage;
        report_.size_bytes = plan_.size_bytes;
        report_.logical_block_bytes = plan_.logical_block_bytes;
        report_.all_in_sync = plan_.all_in_sync;
        close();
    });
    for (const Vertex* leaf : tree_.leaves()) {
        const Label& label = plan_.labels[leaf->index];
        auto ended = [this, i = leaf->index, end = step->add()](const Result<LabelImage>& image) {
            InitReport::LeafLine& line = report_.leaves[i];
            line.place = plan_.labels[i].place;
            line.code = image ? Errc::ok : image.error().code;
            line.size_bytes = plan_.labels[i].size_bytes;
            line.text = image ? "labelled" : "the label could not be written: " + error_text(image.error());
            image ? end({}) : end(image.error());
        };
        leaf->leaf->write_label(found_[leaf->index].peek, encode_label(label), std::move(ended));
    }
    step->all_added();
}

void Initializer::Impl::give_up(const Error& why) {
    report_.error = why;
    close();
}

void Initializer::Impl::close() {
    auto step = std::make_shared<StartStep>(loop_, [this](const Result<void>&) {
        auto leaves = std::make_shared<StartStep>(loop_, [this](const Result<void>&) { done_(std::move(report_)); });
        for (const Vertex* leaf : tree_.leaves()) leaf->device->close([ended = leaves->add()] { ended({}); });
        leaves->all_added();
    });
    close_inner(tree_.root(), *step);
    step->all_added();
}

void Initializer::Impl::close_inner(Vertex& vertex, StartStep& step) {
    if (vertex.leaf != nullptr) return;
    vertex.device->close([ended = step.add()] { ended({}); });
    for (const auto& child : vertex.children) close_inner(*child, step);
}

Initializer::Initializer(spec::Storage storage, EngineEnvironment environment, InitOptions options)
    : impl_(std::make_unique<Impl>(std::move(storage), std::move(environment), std::move(options))) {}

Initializer::~Initializer() = default;

void Initializer::run(Callback<InitReport> done) { impl_->run(std::move(done)); }

}  // namespace dst
