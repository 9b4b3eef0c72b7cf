#pragma once

#include <map>
#include <string>

#include "yaml/document.h"

namespace dst::yaml {

/// Reads the vertex `value` and all below it: short and long forms, names filled in. What is wrong is reported and
/// left out, so the result is whole only when nothing was reported. Names must be unique below `value`.
spec::Node read_tree(Report& report, const Value& value);

/// Remembers the media of one file and reports one that is named twice: a mirror of a medium with itself, or two
/// users of one disk.
class MediumUse {
public:
    explicit MediumUse(Report& report) : report_(report) {}

    void add_tree(const spec::Node& node);
    void add_disk(const std::string& path, spec::Position at);
    void add_journal(const std::string& path, spec::Position at);

private:
    void add(const std::string& key, const std::string& what, spec::Position at);

    Report& report_;
    std::map<std::string, spec::Position> first_;
};

}  // namespace dst::yaml
