#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/spec.h"

/// How the words of the two files are read. Each kind of scalar knows what would be right, for messages.
namespace dst::yaml {

template <typename T>
struct Scalar {
    /// Completes "...; EXPECTED would be right": "a time from 1s to 60s, such as 8s".
    std::string expected;
    /// None: not that; `why` may say what is wrong with it, completing "READ WHY" ("has no unit").
    std::function<std::optional<T>(std::string_view text, std::string& why)> parse;
};

/// A range, ends included.
template <typename T>
struct Range {
    T least;
    T most;
};

/// Bytes: "16MiB", "1GB", "512".
Scalar<std::uint64_t> size_scalar(Range<std::uint64_t> range, std::string_view example);
/// Like size_scalar; powers of two only.
Scalar<std::uint64_t> power_of_two_size_scalar(Range<std::uint64_t> range, std::string_view example);
/// Bytes per second: "10MiB/s"; with `or_max` also "max", which is an absent value.
Scalar<std::uint64_t> rate_scalar(Range<std::uint64_t> range, std::string_view example);
Scalar<std::optional<std::uint64_t>> rate_or_max_scalar(Range<std::uint64_t> range, std::string_view example);
/// "8s", "500ms", "2m", "1h".
Scalar<spec::Milliseconds> time_scalar(Range<spec::Milliseconds> range, std::string_view example);
Scalar<unsigned> number_scalar(Range<unsigned> range);
/// on, off; YAML's other words for them too.
Scalar<bool> switch_scalar();
/// Storages, exports: [A-Za-z0-9][A-Za-z0-9._-]{0,62}. `what`: "a storage name".
Scalar<std::string> name_scalar(std::string_view what);
/// Given names of nodes: also what a node without one is called, so that another one can take its place in a record: a
/// path, or host:port/export. As long as a record takes: 255 bytes.
Scalar<std::string> node_name_scalar();
/// An absolute path of a file. `example`: "/dev/sdb".
Scalar<std::string> path_scalar(std::string_view example);

template <typename T>
Scalar<T> choice_scalar(std::vector<std::pair<std::string_view, T>> choices) {
    std::string expected;
    for (std::size_t i = 0; i < choices.size(); ++i) {
        if (i > 0) expected += i + 1 == choices.size() ? " or " : ", ";
        expected += choices[i].first;
    }
    return {expected, [choices](std::string_view text, std::string&) -> std::optional<T> {
                for (const auto& [word, value] : choices) {
                    if (word == text) return value;
                }
                return {};
            }};
}

/// "16MiB": the largest unit that divides it.
std::string size_text(std::uint64_t bytes);
/// "8s": likewise.
std::string time_text(spec::Milliseconds time);

}  // namespace dst::yaml
