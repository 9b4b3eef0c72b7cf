#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "yaml/report.h"

namespace dst::yaml {

struct Entry;

/// One vertex of a YAML document, with its place. Made of the parser's events and not by yaml-cpp's own node tree,
/// which merges duplicate keys silently and follows aliases.
struct Value {
    enum class Kind {
        nothing,  ///< empty, "~" or "null"
        scalar,
        sequence,
        mapping,
        unusable,  ///< a mistake was reported for it already (an alias): ask nothing more of it
    };

    Kind kind = Kind::nothing;
    spec::Position at;
    std::string text;            ///< scalar
    std::vector<Value> items;    ///< sequence
    std::vector<Entry> entries;  ///< mapping; keys are scalars and differ from each other
};

struct Entry {
    std::string key;
    spec::Position key_at;
    Value value;
};

/// Nodes may be nested this deep.
inline constexpr unsigned document_depth_max = 64;

/// Reads the file's one document. None: not YAML, or nothing in it; then exactly one mistake was added. Mistakes that
/// leave the structure readable (duplicate keys, anchors, aliases, tags, a second document) are added as well.
std::optional<Value> read_document(std::string_view text, Report& report);

}  // namespace dst::yaml
