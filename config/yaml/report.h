#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "yaml/load.h"

namespace dst::yaml {

/// Collects the mistakes of one file.
class Report {
public:
    explicit Report(std::string file) : file_(std::move(file)) {}

    void add(spec::Position at, std::string text) { mistakes_.push_back({file_, at, std::move(text)}); }
    bool empty() const noexcept { return mistakes_.empty(); }
    const std::string& file() const noexcept { return file_; }

    /// All of them, sorted by position; those of one position stay in the order they were found.
    std::vector<Mistake> take();

private:
    std::string file_;
    std::vector<Mistake> mistakes_;
};

/// What was read, for a message: in quotes, cut when it is long, with control characters escaped.
std::string quote(std::string_view read);

/// "a, b and c".
std::string enumerate(const std::vector<std::string_view>& words);

}  // namespace dst::yaml
