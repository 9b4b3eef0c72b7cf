#include "yaml/policy.h"

#include <algorithm>

#include "yaml/mapping.h"
#include "yaml/scalar.h"

namespace dst::yaml {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using std::chrono_literals::operator""h;

constexpr Range<spec::Milliseconds> member_timeout_range{1s, 60s};
constexpr Range<spec::Milliseconds> hold_range{1s, 25s};
constexpr Range<spec::Milliseconds> give_up_range{1s, 1h};
constexpr Range<std::uint64_t> rate_range{1ull << 20, 1ull << 40};
constexpr Range<unsigned> parallel_range{1, 64};

spec::OnLoss read_on_loss(Report& report, const Value& value) {
    spec::OnLoss on_loss;
    Mapping map(report, value, "`on_loss`", {"hold", "give_up"});
    map.read("hold", time_scalar(hold_range, "20s"), on_loss.hold);
    bool given = map.read("give_up", time_scalar(give_up_range, "120s"), on_loss.give_up);
    if (given && on_loss.give_up < on_loss.hold) {
        report.add(map.find("give_up")->at, quote(time_text(on_loss.give_up)) + " is shorter than `hold`, which is " +
                                                time_text(on_loss.hold) + "; the same or longer would be right");
    }
    return on_loss;
}

spec::Resync read_resync(Report& report, const Value& value) {
    spec::Resync resync;
    Mapping map(report, value, "`resync`", {"rate", "min_rate", "parallel"});
    map.read("rate", rate_or_max_scalar(rate_range, "100MiB/s"), resync.rate_bytes_per_second);
    std::uint64_t rate = resync.rate_bytes_per_second.value_or(rate_range.most);
    std::uint64_t& min_rate = resync.min_rate_bytes_per_second;
    if (!map.read("min_rate", rate_scalar(rate_range, "10MiB/s"), min_rate)) {
        min_rate = std::min(min_rate, rate);
    } else if (min_rate > rate) {
        report.add(map.find("min_rate")->at, quote(size_text(min_rate) + "/s") + " is more than `rate`, which is " +
                                                 size_text(rate) + "/s; the same or less would be right");
    }
    map.read("parallel", number_scalar(parallel_range), resync.parallel);
    return resync;
}

}  // namespace

spec::Policy read_policy(Report& report, const Value& value) {
    spec::Policy policy;
    Mapping map(report, value, "`policy`",
                {"member_timeout", "on_loss", "replace", "write_cache", "takeover", "resync"});
    map.read("member_timeout", time_scalar(member_timeout_range, "8s"), policy.member_timeout);
    if (const Value* on_loss = map.find("on_loss")) policy.on_loss = read_on_loss(report, *on_loss);
    map.read("replace",
             choice_scalar<spec::Replace>({{"blank", spec::Replace::blank}, {"never", spec::Replace::never}}),
             policy.replace);
    map.read("write_cache", switch_scalar(), policy.write_cache);
    map.read("takeover",
             choice_scalar<spec::Takeover>({{"ask", spec::Takeover::ask}, {"auto", spec::Takeover::automatic}}),
             policy.takeover);
    if (const Value* resync = map.find("resync")) policy.resync = read_resync(report, *resync);
    return policy;
}

}  // namespace dst::yaml
