#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "config/spec.h"

/// Reads the two YAML files into plain values. Thread-safe, keeps no state, throws nothing but std::bad_alloc.
/// What the files may hold: dst.yaml(5) and dst-netnode.yaml(5).
namespace dst::yaml {

/// Something in a file that is not as it must be. `at` is zero when it concerns the file as a whole.
struct Mistake {
    std::string file;
    spec::Position at;
    std::string text;  ///< what was read; what would be right
    bool operator==(const Mistake&) const = default;
};

/// "FILE:LINE:COLUMN: text", or "FILE: text" when it concerns the file as a whole.
std::string to_string(const Mistake& mistake);
/// One per line, each line ended.
std::string to_string(const std::vector<Mistake>& mistakes);

/// The value, or every mistake of the file: at least one, sorted by position; after a syntax error only that one.
template <typename T>
using Loaded = std::variant<T, std::vector<Mistake>>;

/// $DST_STATE_DIR when it is an absolute path, else /var/lib/dst.
std::string default_state_dir();

struct Options {
    std::string state_dir = default_state_dir();  ///< where the default journal NAME.journal lies
};

/// Files larger than this are refused unread.
inline constexpr std::size_t file_bytes_max = 1u << 20;

/// Reads and checks a storage file. `path` is kept in the result as it was given.
Loaded<spec::Storage> load_storage(const std::string& path, const Options& options = {});
/// Reads and checks a netnode file.
Loaded<spec::NetnodeFile> load_netnode_file(const std::string& path, const Options& options = {});

/// The same from text that is already in memory; `file` is only named in messages and in the result.
Loaded<spec::Storage> parse_storage(std::string_view text, const std::string& file, const Options& options = {});
Loaded<spec::NetnodeFile> parse_netnode_file(std::string_view text, const std::string& file,
                                             const Options& options = {});

}  // namespace dst::yaml
