#include <algorithm>
#include <utility>

#include "block/breaks.h"
#include "tree/mirror_parts.h"

/// Members that came back changed, and what becomes of the last of them (M10, M14).
namespace dst {
namespace {

constexpr Duration look_again_time = std::chrono::seconds(20);
constexpr Duration ask_again_time = std::chrono::seconds(2);
constexpr unsigned unread_times_max = 10;

}  // namespace

bool Mirror::may_fail(const Member& member) const {
    if (broken(Rule::m2_carries_on)) return false;
    return (in_sync_ & ~failed_ & joined_ & ~member.mask()) != 0 || broken(Rule::m10_last_stays);
}

/// Members that came back changed leave when another is there that did not; when there is no other, they are all that
/// is left (M10), and are used once all of them are there, and those too that no record has left out yet.
void Mirror::judge_changed() {
    if (reachable() == 0) take_back_changed();
    Mask changed = 0;
    Mask down = 0;
    Mask left = 0;
    const Mask members = in_sync_ & ~failed_ & joined_;
    for (const auto& member : members_) {
        if ((members & member->mask()) == 0) {
            if (may_be_taken_back(*member)) left |= member->mask();
            continue;
        }
        if (member->changed) changed |= member->mask();
        if (!member->is_back()) down |= member->mask();
    }
    // They went away again before the record that says so reached them.
    if (changed == 0 && redraw_medium_ && down == 0 && !change_) return request_change();
    if (changed == 0) return;
    if (reachable() != 0 || take_back()) {
        for (const auto& member : members_) {
            // The record that the first one leaves with may have taken others along.
            if ((changed & in_sync_ & ~failed_ & member->mask()) == 0 || !may_fail(*member)) continue;
            fail_member(*member, member->reason);
        }
        return;
    }
    const Mask older = older_data_below(changed);
    // One that cannot be read keeps nobody away who can.
    Mask readable = changed & ~older;
    for (const auto& member : members_) {
        if (member->unread != 0) readable &= ~member->mask();
    }
    const Mask files = other_files(readable);
    if (down != 0 || left != 0 || may_be_read_soon(changed & ~older & ~readable, readable)) return;
    if (older == changed) return tell_older_data(older);
    const std::optional<Mask> unread = see_records(changed & ~older & ~files);
    if (!unread) return;
    const Mask last = changed & ~older & ~*unread & ~files;
    redraw_file_ = redraw_file_ || same_files(last) == 0;
    for (const auto& member : members_) {
        if ((last & member->mask()) == 0) continue;
        member->incarnation = member->device.incarnation();
        environment_.events.event(Severity::error, "last-member-changed",
                                  "the last member in sync came back and may have lost writes that were never flushed; "
                                  "the storage carries on with it, and initiators are told. Check the file systems and "
                                  "data bases on the storage",
                                  {{"mirror", name_}, {"member", member->name}});
    }
    // Each may have lost something else of what was not flushed.
    mark_intents_unreconciled();
    redraw_medium_ = true;
    environment_.keeper->on_last_changed(name_);
    // They lack what was flushed, too, which the others have.
    for (const auto& member : members_) {
        if ((older & member->mask()) != 0) fail_member(*member, "it was started with loss of data");
        if ((*unread & member->mask()) != 0) fail_member(*member, "its record cannot be read");
        if ((files & ~*unread & member->mask()) != 0) fail_member(*member, "another file is in its place");
    }
    request_change();
}

/// Of the last members, all of them in `changed`: those that were started from older data.
Mirror::Mask Mirror::older_data_below(Mask changed) const {
    Mask older = 0;
    for (const auto& member : members_) {
        const bool same = same_data(member->incarnation, member->device.incarnation());
        if ((changed & member->mask()) != 0 && !same) older |= member->mask();
    }
    return older;
}

/// Those in whose place no other file lies than was recorded.
Mirror::Mask Mirror::same_files(Mask of) const {
    Mask same = 0;
    for (const auto& member : members_) {
        const bool asked = (of & member->mask()) != 0;
        if (asked && same_file(member->incarnation, member->device.incarnation())) same |= member->mask();
    }
    return same;
}

/// Of the last members: those in whose place another file lies, which may be an older copy, when that is not so of all.
Mirror::Mask Mirror::other_files(Mask last) const {
    const Mask same = same_files(last);
    return same == 0 ? 0 : last & ~same;
}

/// One that could not be read lately is the same file as before, and nobody of `readable` is.
bool Mirror::may_be_read_soon(Mask unread, Mask readable) const {
    for (const auto& member : members_) {
        if (member->unread >= unread_times_max) unread &= ~member->mask();
    }
    return readable != 0 && same_files(readable) == 0 && same_files(unread) != 0;
}

/// Nobody has what was flushed. Whether to go on with what they hold the administrator says, with a start.
void Mirror::tell_older_data(Mask older) {
    for (const auto& member : members_) {
        if ((older & member->mask()) == 0 || std::exchange(member->older, true)) continue;
        member->reason = "it was started with loss of data, and there is no other member in sync";
        environment_.events.event(Severity::critical, "last-member-older",
                                  "the last member in sync was started with loss of data; nothing is answered with "
                                  "it. To go on with what it holds, close the storage, open it again and give it "
                                  "'dstctl start --accept-data-loss'",
                                  {{"mirror", name_}, {"member", member->name}});
    }
}

bool Mirror::holds_older_data() const {
    return state_ == State::serving && reachable() == 0 &&
           std::any_of(members_.begin(), members_.end(), [this](const auto& member) {
               return (in_sync_ & ~failed_ & joined_ & member->mask()) != 0 && member->is_back() && member->changed &&
                      member->older;
           });
}

/// Once none of the others can be an older copy that was put in its place: those whose record cannot be read, and who
/// need not be gone on with. A label does not tell an older copy, when it was copied since this head began to serve,
/// but the record does. Those that have not been asked are.
std::optional<Mirror::Mask> Mirror::see_records(Mask changed) {
    Mask unread = 0;
    bool seen = true;
    for (const auto& member : members_) {
        if (broken(Rule::m10_older_last)) member->doubted = false;
        if ((changed & member->mask()) == 0 || !member->doubted) continue;
        if (member->unread != 0) unread |= member->mask();
        seen = seen && member->unread != 0;
        if (member->asked_arrival != member->arrivals) see_record(*member);
    }
    return seen && unread != changed ? std::optional(unread) : std::nullopt;
}

void Mirror::see_record(Member& member) {
    member.asked_arrival = member.arrivals;
    ++in_flight_;
    member.metadata.read_record([this, &member, arrival = member.arrivals](const Result<FoundRecord>& found) {
        --in_flight_;
        check_closed();
        if (state_ != State::serving || member.arrivals != arrival || !member.doubted) return;
        const Errc code = found ? Errc::ok : found.error().code;
        if (code == Errc::fenced) return report_fenced(member);
        const bool none = code == Errc::medium_error || code == Errc::io_error || code == Errc::not_supported;
        if (none || (found && found->damaged)) return unread(member);
        if (!found) {
            if (member.device.up()) member.device.cut({Errc::disconnected, "its record could not be read"});
            return;
        }
        if (is_older(member, *found)) return tell_older(member);
        member.doubted = member.told_older = false;
        member.unread = 0;
        judge_changed();
        write_to_member(member);
    });
}

/// Neither copy of it. What might be an older copy is not gone on with because it cannot be told from the newest, but
/// it leaves when there is another one.
void Mirror::unread(Member& member) {
    const bool first = ++member.unread == 1;
    judge_changed();
    if (state_ != State::serving || !member.doubted || (in_sync_ & ~failed_ & member.mask()) == 0) return;
    // For a mirror above that is as if it were one (holds_older_data()).
    member.older = member.unread >= unread_times_max;
    member.reason =
        "its record cannot be read, so that it may be an older copy of its medium, and no other member in "
        "sync can be used";
    announce_task_.post();
    member.look_again.start(member.older ? look_again_time : ask_again_time);
    if (!first) return;
    environment_.events.event(Severity::error, "last-member-unreadable",
                              "neither copy of its record can be read on the last member in sync, which came back and "
                              "may be an older copy of its medium: nothing is answered with it, and its record is read "
                              "again and again. Look at its disk and the way to it",
                              {{"mirror", name_}, {"member", member.name}});
}

bool Mirror::is_older(const Member& member, const FoundRecord& found) const {
    if (!found.record) return true;
    const Record& record = *found.record;
    const bool its_line = record.generation_id == member.known_generation ||
                          find_generation(member.may_have, record.generation_id) != nullptr;
    return record.mirror != record_.mirror || !its_line || record.revision < member.acknowledged;
}

void Mirror::tell_older(Member& member) {
    member.older = true;
    member.unread = 0;
    member.reason = "an older copy of its medium is in its place, and no other member in sync can be used";
    announce_task_.post();
    member.look_again.start(look_again_time);
    if (std::exchange(member.told_older, true)) return;
    environment_.events.event(Severity::critical, "last-member-older",
                              "an older copy of its medium is in the place of the last member in sync; nothing is "
                              "answered with it, and nothing written to it, until the newest one is there again. To go "
                              "on with the older data, close the storage, open it again and give it 'dstctl start "
                              "--accept-data-loss'",
                              {{"mirror", name_}, {"member", member.name}});
}

/// Of an older copy the newest may have been put in its place under its name: whoever has the older one open sees that
/// only when it is opened anew.
void Mirror::look_again(Member& member) {
    const bool used = state_ == State::serving && (in_sync_ & ~failed_ & joined_ & member.mask()) != 0;
    if (!used || reachable() != 0 || !member.doubted || !member.device.up()) return;
    if (!member.older) return see_record(member);
    member.device.cut({Errc::disconnected, "its newest medium is looked for"});
}

}  // namespace dst
