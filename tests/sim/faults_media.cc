#include <algorithm>

#include "faults.h"
#include "media/journal.h"
#include "media/label.h"
#include "media/layout.h"
#include "media/record.h"

/// Media, journals and metadata that are not what they were. All but rot and the journal are put right after a while.
namespace dst::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

void set_label(SimPlatter::Content& content, const Label& label) {
    for (unsigned copy = 0; copy < 2; ++copy) {
        content.write(label_copy(content.size_bytes, copy).offset, encode_label(label));
    }
}

}  // namespace

SimPlatter::Content foreign_content(SimLoop& loop, SimPlatter::Content content, const std::string& storage_name) {
    Label label = label_on(content).value();
    label.medium = loop.random_id();
    label.storage = loop.random_id();
    label.storage_name = storage_name;
    label.promised = {loop.below(20), loop.random_id()};
    label.served = label.promised;
    set_label(content, label);
    return content;
}

std::optional<Label> label_in(const Request& request) {
    LabelImage image{};
    if (request.operation != Operation::write || request.extent.length != image.size()) return std::nullopt;
    Bytes bytes(image.size());
    copy_from_pieces(request.pieces, bytes);
    std::copy(bytes.begin(), bytes.end(), image.begin());
    const Result<Label> label = decode_label(image);
    return label ? std::optional(*label) : std::nullopt;
}

std::optional<Label> label_on(const SimPlatter::Content& content) {
    LabelCopies copies;
    copies.readable = {true, true};
    for (unsigned copy = 0; copy < 2; ++copy) {
        const Bytes bytes = content.read(label_copy(content.size_bytes, copy));
        std::copy(bytes.begin(), bytes.end(), copies.images[copy].begin());
    }
    return choose_label(copies).label;
}

std::optional<Record> record_on(const SimPlatter::Content& content) {
    const MirrorLayout layout = mirror_layout(leaf_size_bytes(content.size_bytes), 1u << 20);
    return choose_record(content.read(layout.record_copy(0)), content.read(layout.record_copy(1))).record;
}

// Somebody copies media and journals away now and then, to put the copies back later.
void Faults::keep_copies() {
    const auto [name, platter] = any_leaf();
    if (!platter->taken_out() && (!copies_.contains(platter) || loop_.chance(100))) {
        copies_[platter] = {platter->durable(), host_.times_served()};
    }
    keep_journals();
}

// Comes with many a change of media, too: nothing runs while it is made.
void Faults::all_off(bool power, unsigned per_mille) {
    if (per_mille >= 1000) host_.world().kill_ending_netnodes(power);
    const auto struck = [&] { return per_mille >= 1000 || loop_.chance(per_mille); };
    for (const auto& head : host_.world().heads()) {
        if (head->process == nullptr || !struck()) continue;
        host_.head_ends(*head, false);
        host_.world().crash(*head, power);
        World::Head* again = head.get();
        later(seconds(1), seconds(8), [this, again] { host_.start_head(*again); });
    }
    for (const auto& node : host_.world().netnodes()) {
        if (node->process == nullptr || !struck()) continue;
        host_.world().crash(*node, power);
        World::Netnode* again = node.get();
        later(milliseconds(50), seconds(8), [this, again] { host_.world().start(*again); });
    }
}

void Faults::put_in_place(const std::string& what, SimPlatter& platter, SimPlatter::Content content) {
    content.file = 0;
    const bool off = loop_.chance(300);
    // The process that has it open keeps it then, until it looks at what is in place.
    const bool renamed = loop_.chance(500);
    note(what + (off ? " (while all is off)" : "") + (renamed ? " (by a rename)" : ""));
    if (off) all_off();
    renamed ? platter.rename_over(std::move(content)) : platter.take_out(std::move(content));
    SimPlatter* const wrong = &platter;
    later(milliseconds(500), seconds(15), [wrong] { wrong->put_back(); });
}

bool Faults::blank_medium() {
    const auto [name, platter] = any_leaf();
    if (platter->taken_out()) return false;
    SimPlatter::Content content{{}, platter->geometry().size_bytes};
    // Not blank to libblkid, until somebody has wiped it, or puts the right one back.
    const bool foreign = loop_.chance(300);
    if (foreign) content.found = "ext4";
    put_in_place((foreign ? "medium replaced by one with a signature: " : "medium replaced by a blank one: ") + name,
                 *platter, std::move(content));
    if (foreign && loop_.chance(500)) {
        later(seconds(2), seconds(8), [of = platter] { of->set_found({}); });
    }
    return true;
}

// Another member's record must tell it, where no journal does: that it has acknowledged more, and is in sync by all of
// them. And the other one must be there: one that was in sync alone starts alone, and one that another machine served
// last, that machine's journal decides for.
bool Faults::others_know(SimPlatter& platter, const SimPlatter::Content& copy) const {
    const std::optional<Label> label = label_on(copy);
    const std::optional<Label> label_now = label_on(platter.durable());
    const std::optional<Record> old = record_on(copy);
    const std::optional<Record> now = record_on(platter.durable());
    const auto in_sync = [](const RecordMember& member) { return member.state == MemberState::in_sync; };
    if (!label || !label_now || !old || !now || label->served.head != label_now->served.head) return false;
    if (!std::all_of(old->members.begin(), old->members.end(), in_sync)) return false;
    bool known = false;
    for (const auto& [name, other] : host_.world().leaves()) {
        if (other->taken_out()) return false;
        const std::optional<Record> record = record_on(other->durable());
        if (other == &platter || !record || record->mirror != old->mirror) continue;
        if (record->generation_id != now->generation_id) return false;
        for (const RecordMember& member : record->members) {
            if (!in_sync(member)) return false;
            const bool it = member.leaves.size() == 1 && member.leaves.front().medium == label->medium;
            if (it && member.revision <= old->revision) return false;
            known = known || it;
        }
    }
    return known;
}

// The journal of its only head tells it: that the member has acknowledged more, perhaps since that head began to serve.
bool Faults::journal_knows(SimPlatter& platter, const SimPlatter::Content& copy) {
    const std::optional<Label> label = label_on(copy);
    const std::optional<Record> old = record_on(copy);
    if (platter.taken_out() || journal_changed(platter) || host_.has_rival() || !label || !old) return false;
    for (const SimStoreFile* const file : journals_over(platter)) {
        const JournalChoice choice = choose_journal({file->slots, file->machine, file->inode});
        if (!choice.journal) return false;
        for (const Record& record : choice.journal->records) {
            if (record.mirror != old->mirror) continue;
            for (const RecordMember& member : record.members) {
                const bool it = member.leaves.size() == 1 && member.leaves.front().medium == label->medium;
                if (it) return member.revision > old->revision;
            }
        }
    }
    return false;
}

// A copy from before the last start on it that came to serve: one that is newer is outside the fault model.
bool Faults::has_older_copy(SimPlatter& platter) {
    const auto copy = copies_.find(&platter);
    if (platter.taken_out() || copy == copies_.end() || journal_changed(platter) || host_.has_rival()) return false;
    if (copy->second.times_served == host_.times_served()) return false;
    const auto then = label_on(copy->second.content);
    const auto now = label_on(platter.durable());
    return then && now && then->promised.number < now->served.number;
}

// The head dies just after it has promised its epoch to the older copy: what tells that it is one must not depend on
// its label any more.
void Faults::die_at_its_promise(SimPlatter& platter) {
    World::Head& head = *host_.world().heads().front();
    const auto armed = std::make_shared<bool>(true);
    platter.on_carry_out = [this, armed, &head](const Request& request) {
        const std::optional<Label> label = label_in(request);
        if (!*armed || !label || label->promised == label->served) return;
        *armed = false;
        note("the head dies at the promise to an older copy");
        later(Duration::zero(), milliseconds(2), [this, &head] {
            if (ending_cleanly_) return;
            kill_head(head);
            later(milliseconds(50), seconds(2), [this, &head] { host_.start_head(head); });
        });
    };
}

// It may be of the same epoch, and is taken for the right one only when it has been brought up to date.
void Faults::put_older_copy(const std::string& what, SimPlatter& platter) {
    const std::optional<Record> before = record_on(platter.durable());
    const SimPlatter::Content& copy = copies_[&platter].content;
    put_in_place(what, platter, copy);
    comes_back_unless_in_sync(platter, before, record_on(copy));
}

// What was in its place before, as of the record `was`. A start that loss of data was accepted for may have taken in
// the one that is there instead, with a revision that is lower; without a journal, also with an epoch that is no
// higher: it is another one than those of `was` and of `put`, the record of what was put there.
void Faults::comes_back_unless_in_sync(SimPlatter& platter, const std::optional<Record>& was,
                                       const std::optional<Record>& put) {
    const std::uint64_t revision = was ? was->revision : 0;
    std::vector<Epoch> known;
    for (const std::optional<Record>& before : {std::cref(was), std::cref(put)}) {
        if (before) known.push_back(before->epoch);
    }
    platter.set_comes_back([of = &platter, revision, known = std::move(known)] {
        const std::optional<Record> record = record_on(of->durable());
        const std::optional<Label> label = label_on(of->durable());
        if (!record || !label) return true;
        const bool by_new_head = std::find(known.begin(), known.end(), record->epoch) == known.end();
        if (record->revision <= revision && !by_new_head) return true;
        const auto is_it = [&](const RecordLeaf& leaf) { return leaf.medium == label->medium; };
        return std::none_of(record->members.begin(), record->members.end(), [&](const RecordMember& member) {
            return member.state == MemberState::in_sync &&
                   std::any_of(member.leaves.begin(), member.leaves.end(), is_it);
        });
    });
}

// The others leave, come back and leave again, so that several records have been written since the copy was made; then
// it is put in the place of the last member, while the head serves.
bool Faults::older_last() {
    const auto [name, platter] = any_leaf();
    const std::optional<Record> record = record_on(platter->durable());
    if (host_.has_rival() || platter->taken_out() || journal_changed(*platter) || !record) return false;
    Leaves others;
    for (const auto& leaf : host_.world().leaves()) {
        const std::optional<Record> its = record_on(leaf.second->durable());
        if (leaf.second != platter && its && its->mirror == record->mirror) others.emplace_back(leaf);
    }
    if (others.empty()) return false;
    note("older copy in the place of the last member: " + name);
    quiet_until_ = loop_.now() + seconds(18);
    copies_[platter] = {platter->durable(), host_.times_served()};
    for (const auto& [other_name, other] : others) {
        other->fail(Operation::write, {0, leaf_size_bytes(other->geometry().size_bytes)}, Errc::medium_error, 1);
    }
    at(seconds(1), [others] {
        for (const auto& [other_name, other] : others) other->clear_failures();
    });
    at(seconds(5), [this, others] { set_away(others, true); });
    at(seconds(8), [this, last = platter] {
        if (last->taken_out() || !journal_knows(*last, copies_[last].content)) return;
        need_journal(*last);
        put_older_copy("the older copy is put there", *last);
    });
    at(seconds(16), [this, others] { set_away(others, false); });
    return true;
}

// A file that somebody copied while it was in use, in its place: however new it is, it is known to be another one. A
// start may find it alone.
bool Faults::copied_file(const std::string& name, SimPlatter& platter) {
    const std::optional<Record> record = record_on(platter.durable());
    if (!platter.is_file() || platter.taken_out() || !record || journal_changed(platter) || host_.has_rival())
        return false;
    const auto in_sync = [](const RecordMember& member) { return member.state == MemberState::in_sync; };
    if (record->members.size() < 2 || !std::all_of(record->members.begin(), record->members.end(), in_sync))
        return false;
    for (const auto& [other_name, other] : host_.world().leaves()) {
        if (other->taken_out()) return false;
    }
    quiet_until_ = loop_.now() + seconds(35);
    const bool renamed = loop_.chance(500);
    Leaves others;
    for (const auto& leaf : host_.world().leaves()) {
        const std::optional<Record> its = record_on(leaf.second->durable());
        if (leaf.second != &platter && its && its->mirror == record->mirror) others.emplace_back(leaf);
    }
    const bool alone = loop_.chance(400) && !others.empty();
    const auto copy = std::make_shared<SimPlatter::Content>(platter.durable());
    // So that the intent bits of what is written meanwhile are cleared.
    at(seconds(2), [this] { host_.silence(seconds(13)); });
    at(seconds(10), [this, name, of = &platter, renamed, copy, alone, others] {
        if (of->taken_out()) return;
        // Where the journal knows of the others that they have left, nothing tells what the copy lacks.
        if (!others.empty() && !journal_calls_all_in_sync(*of)) return;
        if (alone) start_alone(others);
        note("copied while it was in use, and put in its place: " + name + (renamed ? " (by a rename)" : ""));
        copy->file = 0;
        const std::optional<Record> before = record_on(of->durable());
        const std::optional<Record> copied = record_on(*copy);
        renamed ? of->rename_over(std::move(*copy)) : of->take_out(std::move(*copy));
        comes_back_unless_in_sync(*of, before, copied);
        later(seconds(8), seconds(15), [of] { of->put_back(); });
    });
    return true;
}

bool Faults::journal_calls_all_in_sync(const SimPlatter& platter) {
    const std::optional<Record> record = record_on(platter.durable());
    const auto is_left_out = [](const RecordMember& member) { return member.state != MemberState::in_sync; };
    for (const SimStoreFile* const file : journals_over(platter)) {
        const JournalChoice choice = choose_journal({file->slots, file->machine, file->inode});
        if (!record || !choice.journal) return false;
        for (const Record& known : choice.journal->records) {
            const bool its = known.mirror == record->mirror;
            if (its && std::any_of(known.members.begin(), known.members.end(), is_left_out)) return false;
        }
    }
    return true;
}

// The others are away, and come back later.
void Faults::start_alone(const Leaves& others) {
    World::Head& head = *host_.world().heads().front();
    if (ending_cleanly_) return;
    trace_.coverage().count("start on a copied file alone");
    kill_head(head);
    set_away(others, true);
    at(milliseconds(500), [this, &head] { host_.start_head(head); });
    later(seconds(4), seconds(7), [this, others] { set_away(others, false); });
}

bool Faults::older_medium() {
    const auto [name, platter] = any_leaf();
    const auto copy = copies_.find(platter);
    if (loop_.chance(400) && copied_file(name, *platter)) return true;
    if (copy != copies_.end() && others_know(*platter, copy->second.content)) {
        put_older_copy("medium replaced by an older copy that the others know: " + name, *platter);
        return true;
    }
    if (copy != copies_.end() && loop_.chance(500) && journal_knows(*platter, copy->second.content)) {
        need_journal(*platter);
        put_older_copy("medium replaced by an older copy that the journal knows: " + name, *platter);
        return true;
    }
    if (!has_older_copy(*platter)) return false;
    need_journal(*platter);
    const std::string what = "medium replaced by an older copy: " + name;
    if (loop_.chance(400)) {
        put_in_place(what, *platter, copies_[platter].content);
    } else {
        older_after_a_clean_end(what, *platter);
    }
    return true;
}

// No map names then what the copy lacks.
void Faults::older_after_a_clean_end(const std::string& what, SimPlatter& platter) {
    note(what + " (after a clean end)");
    World::Head& head = *host_.world().heads().front();
    if (head.process != nullptr) end_cleanly(head);
    later(seconds(2), seconds(2), [this, old = &platter, &head] {
        if (has_older_copy(*old)) old->take_out(copies_[old].content);
        host_.start_head(head);
        later(seconds(5), seconds(15), [old] { old->put_back(); });
    });
}

// Of a member of several disks. The record may lie on another one, so that the label alone tells that it is older.
bool Faults::older_part() {
    std::vector<std::pair<std::string, SimPlatter*>> parts;
    for (const auto& leaf : host_.world().leaves()) {
        if (!has_older_copy(*leaf.second)) continue;
        const std::optional<Label> label = label_on(copies_[leaf.second].content);
        if (label && label->place.find('.') != std::string::npos) parts.emplace_back(leaf);
    }
    if (parts.empty()) return false;
    const auto& [name, platter] = parts[loop_.below(parts.size())];
    need_journal(*platter);
    die_at_its_promise(*platter);
    older_after_a_clean_end("part replaced by an older copy: " + name, *platter);
    return true;
}

bool Faults::other_size() {
    const auto [name, platter] = any_leaf();
    if (platter->taken_out()) return false;
    const bool smaller = loop_.chance(500);
    // More than the label area: nothing of the old label lies where the new one's copies would.
    const std::uint64_t difference = (17 + loop_.below(64)) * 4096;
    SimPlatter::Content content = platter->durable();
    content.resize(smaller ? content.size_bytes - difference : content.size_bytes + difference);
    put_in_place((smaller ? "medium replaced by a smaller one: " : "medium replaced by a larger one: ") + name,
                 *platter, std::move(content));
    return true;
}

// Another storage's, at the same place and of the same size. Only the journal tells it from one of the same name.
bool Faults::foreign_medium() {
    const auto [name, platter] = any_leaf();
    const std::optional<Label> label = label_on(platter->durable());
    if (platter->taken_out() || !label) return false;
    std::string storage_name = label->storage_name;
    if (journal_changed(*platter) || host_.has_rival() || loop_.chance(500)) {
        storage_name = "other";
    } else {
        need_journal(*platter);
    }
    put_in_place("medium replaced by a foreign one: " + name, *platter,
                 foreign_content(loop_, platter->durable(), storage_name));
    return true;
}

// One pair at a time. With two pairs all leaves of two linears may be at each other's places: a head starts with
// members that were moved as a whole, and would serve when they are put back.
bool Faults::exchange_media() {
    const auto [name, platter] = any_leaf();
    const auto [other_name, other] = any_leaf();
    if (platter == other || platter->taken_out() || other->taken_out() || exchanged_) return false;
    const bool off = loop_.chance(500);
    note("media exchanged: " + name + " and " + other_name + (off ? " (while all is off)" : ""));
    if (off) all_off();
    platter->exchange_with(*other);
    exchanged_ = true;
    later(milliseconds(500), seconds(15), [this, one = platter] {
        one->put_back();
        exchanged_ = false;
    });
    return true;
}

}  // namespace dst::sim
