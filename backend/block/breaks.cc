#include "block/breaks.h"

#include <array>

namespace dst {
namespace {

// clang-format off
constexpr std::array<std::string_view, rule_count> tokens{
    "m1-all-acknowledge",
    "m2-record-before-ack",
    "m2-journal-first",
    "m2-carries-on",
    "m2-addition-first",
    "m2-flush-drops",
    "m3-intent",
    "m4-owed-first",
    "m4-reconcile",
    "m4-flush-first",
    "m5-journal-decides",
    "m5-all-in-sync",
    "m5-one-is-enough",
    "m5-lower-epoch",
    "m5-unchanged",
    "m5-maps-empty",
    "m5-no-cache",
    "m5-claim-erased",
    "m5-record-at-start",
    "m5-served-mark",
    "m5-order-left",
    "m5-order-generation",
    "m5-order-owes",
    "m5-order-noted",
    "m5-order-names",
    "m5-order-kept",
    "m5-order-once",
    "m5-resolve-lineage",
    "m5-unwritable",
    "m5-ask",
    "m5-refused-alone",
    "m6-compare-and-set",
    "m6-fence",
    "m7-pin",
    "m7-blank",
    "m7-older-copy",
    "m7-everything",
    "m7-owed-first",
    "m7-split",
    "m7-went-on",
    "m7-who-gave-up",
    "m7-left-by-itself",
    "m7-keep-apart",
    "m7-each-revision",
    "m8-copy",
    "m8-mark-first",
    "m8-given-up-first",
    "m8-flush-first",
    "m8-note-coming",
    "m8-note-names",
    "m8-old-members-first",
    "m8-journal-last",
    "m9-read-in-sync",
    "m9-write-back",
    "m10-last-stays",
    "m10-only-one-there",
    "m10-older-last",
    "m10-hold",
    "m10-give-up",
    "m10-part-told",
    "m11-order",
    "m12-buffers",
    "m13-discards",
    "m14-incarnation",
    "m14-old-ended",
};
// clang-format on

#ifdef DST_BREAKS
std::array<bool, rule_count> switches{};
#endif

}  // namespace

std::string_view to_token(Rule rule) noexcept { return tokens[static_cast<std::size_t>(rule)]; }

std::optional<Rule> parse_rule(std::string_view token) noexcept {
    for (std::size_t i = 0; i < tokens.size(); ++i) {
        if (tokens[i] == token) return static_cast<Rule>(i);
    }
    return std::nullopt;
}

#ifdef DST_BREAKS
bool broken(Rule rule) noexcept { return switches[static_cast<std::size_t>(rule)]; }
void set_broken(Rule rule, bool on) noexcept { switches[static_cast<std::size_t>(rule)] = on; }
#endif

}  // namespace dst
