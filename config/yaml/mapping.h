#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "yaml/document.h"
#include "yaml/report.h"
#include "yaml/scalar.h"

namespace dst::yaml {

/// Reads one mapping whose keys are known. The constructor reports unknown keys, and a value that is no mapping.
class Mapping {
public:
    /// `what` names the mapping in messages ("a mirror"); it and `value` must outlive the object.
    Mapping(Report& report, const Value& value, std::string_view what, std::vector<std::string_view> keys);

    /// False: not a mapping, which was reported; then every key is absent and nothing is reported as missing.
    bool usable() const noexcept { return value_.kind == Value::Kind::mapping; }

    /// Null: absent.
    const Value* find(std::string_view key) const noexcept;
    /// Null: absent, and reported with what it should be: "such as `storage: vol0`".
    const Value* require(std::string_view key, std::string_view example) const;

    /// Replaces `into` when the key is there and right; reports when it is there and wrong. True when it was read.
    template <typename T>
    bool read(std::string_view key, const Scalar<T>& scalar, T& into) const;

private:
    Report& report_;
    const Value& value_;
    std::string_view what_;
};

/// What was read, for messages: the scalar in quotes, or the kind of thing that it is.
std::string describe(const Value& value);

/// Reports "READ; EXPECTED would be right" unless the value was reported already.
void report_wrong(Report& report, const Value& value, std::string_view expected, std::string_view why = {});

/// The value as one scalar, or none and a mistake.
template <typename T>
std::optional<T> read_scalar(Report& report, const Value& value, const Scalar<T>& scalar) {
    std::string why;
    if (value.kind == Value::Kind::scalar) {
        if (auto read = scalar.parse(value.text, why)) return read;
    }
    report_wrong(report, value, scalar.expected, why);
    return {};
}

template <typename T>
bool Mapping::read(std::string_view key, const Scalar<T>& scalar, T& into) const {
    const Value* value = find(key);
    if (value == nullptr) return false;
    auto read = read_scalar(report_, *value, scalar);
    if (read) into = std::move(*read);
    return read.has_value();
}

/// The one of `words` that `word` was probably meant to be; empty when none is near.
std::string_view nearest_word(std::string_view word, const std::vector<std::string_view>& words);

}  // namespace dst::yaml
