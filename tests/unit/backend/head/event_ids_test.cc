#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <string_view>

namespace dst {
namespace {

namespace fs = std::filesystem;

std::string read_file(const fs::path& path) {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
}

/// The pieces of `text` between two of `quote`, as far as they look like ids: "member-dropped".
void add_quoted(std::string_view text, char quote, std::set<std::string>& ids) {
    while (true) {
        const std::size_t open = text.find(quote);
        const std::size_t close = open == std::string_view::npos ? open : text.find(quote, open + 1);
        if (close == std::string_view::npos) return;
        const std::string_view piece = text.substr(open + 1, close - open - 1);
        const bool id = piece.find_first_not_of("abcdefghijklmnopqrstuvwxyz-") == std::string_view::npos;
        if (id && !piece.empty()) ids.emplace(piece);
        text.remove_prefix(close + 1);
    }
}

/// The ids that follow a Severity in a call: `Severity::error, "id"`, or one of two by a condition.
void add_ids(std::string_view source, std::set<std::string>& ids) {
    constexpr std::string_view mark = "Severity::";
    for (std::size_t at = source.find(mark); at != std::string_view::npos; at = source.find(mark, at + 1)) {
        const std::size_t end = source.find_first_not_of("abcdefghijklmnopqrstuvwxyz", at + mark.size());
        if (end == std::string_view::npos || source[end] != ',') continue;
        const std::size_t next = source.find_first_of(",);", end + 1);
        add_quoted(source.substr(end + 1, next - end - 1), '"', ids);
    }
}

std::set<std::string> ids_in_the_source() {
    std::set<std::string> ids;
    for (const char* folder : {"backend", "netnode"}) {
        for (const auto& entry : fs::recursive_directory_iterator(fs::path(DST_SOURCE_DIR) / folder)) {
            if (entry.path().extension() == ".cc") add_ids(read_file(entry.path()), ids);
        }
    }
    return ids;
}

TEST(EventIds, AreAllDocumentedForTheAdministrator) {
    const std::string documentation = read_file(fs::path(DST_SOURCE_DIR) / "docs/operations.md");
    const std::set<std::string> ids = ids_in_the_source();
    ASSERT_GT(ids.size(), 30u) << "the search finds what there is";
    for (const std::string& id : ids) {
        const bool told = documentation.find("`" + id + "`") != std::string::npos;
        EXPECT_TRUE(told) << "docs/operations.md does not tell of " << id;
    }
}

TEST(EventIds, OfTheDocumentationExist) {
    std::istringstream documentation(read_file(fs::path(DST_SOURCE_DIR) / "docs/operations.md"));
    const std::set<std::string> ids = ids_in_the_source();
    for (std::string line; std::getline(documentation, line);) {
        const std::size_t cell = line.find(" | ");
        if (!line.starts_with("| `") || cell == std::string::npos) continue;
        std::string_view level = std::string_view(line).substr(cell + 3);
        level = level.substr(0, level.find(' '));
        const std::set<std::string_view> levels{"info", "notice", "warning", "error", "critical"};
        if (!levels.contains(level)) continue;
        std::set<std::string> documented;
        add_quoted(std::string_view(line).substr(0, cell), '`', documented);
        for (const std::string& id : documented)
            EXPECT_TRUE(ids.contains(id)) << id << " is documented but never logged";
    }
}

}  // namespace
}  // namespace dst
