#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace dst {

/// Rules of docs/mirror.md that a test can leave out on purpose, to see that leaving them out is found. The switches
/// exist only in builds with DST_BREAKS; elsewhere broken() is a constant.
enum class Rule : std::uint8_t {
    m1_all_acknowledge,    ///< left out: a write is acknowledged when one member has it
    m2_record_before_ack,  ///< left out: what a lost member missed is acknowledged before the record is durable
    m2_journal_first,      ///< left out: the journal does not have a record when the members have it
    m2_carries_on,         ///< left out: nobody leaves, and what fails is waited for
    m2_addition_first,     ///< left out: an addition that not all old members have is built upon when one of them fails
    m2_flush_drops,        ///< left out: a member whose flush failed stays in sync
    m3_intent,             ///< left out: a change is sent before its intent bit is durable
    m4_owed_first,         ///< left out: an intent bit is cleared before members that lack the region are owed it
    m4_reconcile,          ///< left out: copies that may differ after an unclean end are left as they are
    m4_flush_first,        ///< left out: an intent bit is cleared without a flush
    m5_journal_decides,    ///< left out: a journal decides although another head has served since
    m5_all_in_sync,        ///< left out: a start that the journal does not decide takes any in-sync member
    m5_one_is_enough,      ///< left out: a start that the journal decides waits for every member in sync
    m5_lower_epoch,        ///< left out: nobody looks whether another head has gone on with a lower epoch
    m5_unchanged,          ///< left out: members are used whatever their incarnation, with maps that are not empty
    m5_maps_empty,         ///< left out: members that have been off are not used, although nothing was under way
    m5_no_cache,           ///< left out: nor although the storage has no write cache
    m5_claim_erased,       ///< left out: the journal keeps its claim when it did not decide
    m5_record_at_start,    ///< left out: the record is not written again at a start
    m5_served_mark,        ///< left out: no served epoch is written
    m5_order_left,         ///< left out: what does not know of an order that was served counts as any other record
    m5_order_generation,   ///< left out: a start with accepted loss of data stands on the generation that it found
    m5_order_owes,         ///< left out: who is given up keeps the generation that it was known to have
    m5_order_noted,        ///< left out: the generation that an order makes is not noted in the journal
    m5_order_names,        ///< left out: that note does not say of members in sync that they may have it
    m5_order_kept,         ///< left out: an order goes with the first write of the journal of a start
    m5_order_once,         ///< left out: an order stays in the journal when it was carried out
    m5_resolve_lineage,    ///< left out: the generations that were given up are not in the lineage
    m5_unwritable,         ///< left out: a disk that takes no writes is tried again by every start
    m5_ask,                ///< left out: nobody asks before what another head serves from is taken over
    m5_refused_alone,      ///< left out: a medium that is refused ends the start, whoever else is there
    m6_compare_and_set,    ///< left out: a promise does not look whether the label is still what was peeked
    m6_fence,              ///< left out: lower epochs are not refused
    m7_pin,                ///< left out: whatever medium is in the place comes up after a loss
    m7_blank,              ///< left out: whatever has no label is taken for blank
    m7_older_copy,         ///< left out: a member that was put back from an older copy is taken for what it was
    m7_everything,         ///< left out: one that is owed everything gets what its owed map says
    m7_owed_first,         ///< left out: a medium is labelled and promised before all that it is owed is durable
    m7_split,              ///< left out: a member of another line is taken for one that missed something
    m7_went_on,            ///< left out: nobody looks whether another head went on in what was given up
    m7_who_gave_up,        ///< left out: who wrote the record last is taken for who gave a member up in it
    m7_left_by_itself,     ///< left out: who left by itself is not looked at for what an order was about to make
    m7_keep_apart,         ///< left out: a start from the one line hides who went on in the one that its journal knows
    m7_each_revision,      ///< left out: all that a member may have is known up to the highest revision of it
    m8_copy,               ///< left out: a target is promoted without what it missed
    m8_mark_first,         ///< left out: a target is not marked as resyncing before it is written to
    m8_given_up_first,     ///< left out: the others know that a member has its mark before it has it
    m8_flush_first,        ///< left out: what was copied is not owed any more before the target has flushed it
    m8_note_coming,        ///< left out: the coming generation is not noted in the journal
    m8_note_names,         ///< left out: that note does not say which members may have it
    m8_old_members_first,  ///< left out: the new member's record is written with the old ones'
    m8_journal_last,       ///< left out: the journal has an addition before the members
    m9_read_in_sync,       ///< left out: members that are not in sync answer reads
    m9_write_back,         ///< left out: what a member could not read is not written back
    m10_last_stays,        ///< left out: the last member in sync may be called dirty
    m10_only_one_there,  ///< left out: the only member that is there may leave for those that have a write and are gone
    m10_older_last,      ///< left out: the last member in sync is not asked for its record when it comes back changed
    m10_hold,            ///< left out: what waits for the last member is not answered before all fail
    m10_give_up,         ///< left out: it is to be sent again for ever
    m10_part_told,       ///< left out: what no mirror is above loses what was not flushed, and nobody is told
    m11_order,           ///< left out: overlapping requests run together
    m12_buffers,         ///< left out: a request is completed while a member may still use its buffer
    m13_discards,        ///< left out: a member that did not take an unmap or zeroes stays in sync
    m14_incarnation,     ///< left out: a member that comes back is used whatever its incarnation
    m14_old_ended,       ///< left out: a connection is taken on before the one that it replaces has ended
};

inline constexpr std::uint8_t rule_count = 65;

/// The dashed name that `sim --break` takes: "m2-record-before-ack".
std::string_view to_token(Rule rule) noexcept;
std::optional<Rule> parse_rule(std::string_view token) noexcept;

#ifdef DST_BREAKS
bool broken(Rule rule) noexcept;
/// For the whole process; tests only.
void set_broken(Rule rule, bool on) noexcept;
#else
constexpr bool broken(Rule) noexcept { return false; }
#endif

}  // namespace dst
