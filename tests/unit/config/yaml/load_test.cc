#include "yaml/load.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "support/parse.h"

namespace dst::yaml {
namespace {

using testing::StartsWith;

class LoadFile : public testing::Test {
protected:
    LoadFile() {
        std::string pattern = (std::filesystem::temp_directory_path() / "dst-yaml-XXXXXX").string();
        folder_ = ::mkdtemp(pattern.data());
    }
    ~LoadFile() override { std::filesystem::remove_all(folder_); }

    std::string path(const std::string& name) const { return folder_ + "/" + name; }
    std::string write(const std::string& name, const std::string& text) const {
        std::ofstream(path(name), std::ios::binary) << text;
        return path(name);
    }
    /// The one mistake of the file, without its path.
    std::string only_mistake(const std::string& file) const {
        auto loaded = load_storage(file);
        const auto* mistakes = std::get_if<std::vector<Mistake>>(&loaded);
        if (mistakes == nullptr || mistakes->size() != 1) return "not one mistake";
        EXPECT_EQ(mistakes->front().file, file);
        EXPECT_THAT(to_string(mistakes->front()), StartsWith(file + ": "));
        EXPECT_EQ(mistakes->front().at, spec::Position{});
        return mistakes->front().text;
    }

private:
    std::string folder_;
};

TEST_F(LoadFile, ReadsAStorage) {
    auto loaded = load_storage(write("a.yaml", "storage: v\ntree: {disk: /a}\n"), {.state_dir = "/s"});
    ASSERT_TRUE(std::holds_alternative<spec::Storage>(loaded));
    EXPECT_EQ(std::get<spec::Storage>(loaded).file, path("a.yaml"));
    EXPECT_EQ(std::get<spec::Storage>(loaded).journal, "/s/v.journal");
}

TEST_F(LoadFile, ReadsANetnodeFile) {
    auto loaded = load_netnode_file(write("a.yaml", "listen: [\"[::]:1\"]\nexports: {e: {disk: /a}}\n"));
    EXPECT_TRUE(std::holds_alternative<spec::NetnodeFile>(loaded));
}

TEST_F(LoadFile, MistakesNameTheFileAsItWasGiven) {
    std::string file = write("a.yaml", "storage: v\ntree: 1\n");
    auto loaded = load_storage(file);
    EXPECT_THAT(to_string(std::get<std::vector<Mistake>>(loaded)), StartsWith(file + ":2:7: \"1\"; one node"));
}

TEST_F(LoadFile, MissingFileIsAMistake) {
    EXPECT_EQ(only_mistake(path("none")),
              "cannot be opened: No such file or directory; the path of a readable file would be right");
}

TEST_F(LoadFile, DirectoryIsAMistake) {
    EXPECT_EQ(only_mistake(path("")), "a directory; the path of a YAML file would be right");
}

TEST_F(LoadFile, FifoIsAMistakeAndDoesNotBlock) {
    ASSERT_EQ(::mkfifo(path("fifo").c_str(), 0600), 0);
    EXPECT_EQ(only_mistake(path("fifo")), "not a regular file; the path of a YAML file would be right");
}

TEST_F(LoadFile, UnreadableFileIsAMistake) {
    if (::geteuid() == 0) GTEST_SKIP() << "root reads every file";
    std::string file = write("secret", "storage: v\n");
    ASSERT_EQ(::chmod(file.c_str(), 0), 0);
    EXPECT_THAT(only_mistake(file), StartsWith("cannot be opened: Permission denied"));
}

TEST_F(LoadFile, VeryLargeFileIsRefused) {
    EXPECT_EQ(only_mistake(write("large", std::string(file_bytes_max + 1, ' '))),
              "larger than 1MiB; a YAML file that describes storage is far smaller");
}

TEST_F(LoadFile, LargestFileIsTaken) {
    std::string text = "storage: v\ntree: {disk: /a}\n#";
    text.append(file_bytes_max - text.size(), 'x');
    EXPECT_TRUE(std::holds_alternative<spec::Storage>(load_storage(write("large", text))));
}

TEST(DefaultStateDir, ComesFromTheEnvironment) {
    ::setenv("DST_STATE_DIR", "/elsewhere", 1);
    EXPECT_EQ(default_state_dir(), "/elsewhere");
    ::setenv("DST_STATE_DIR", "relative", 1);
    EXPECT_EQ(default_state_dir(), "/var/lib/dst");
    ::unsetenv("DST_STATE_DIR");
    EXPECT_EQ(default_state_dir(), "/var/lib/dst");
}

TEST(MistakeText, NamesFileLineAndColumn) {
    EXPECT_EQ(to_string(Mistake{"/etc/dst/a.yaml", {3, 7}, "text"}), "/etc/dst/a.yaml:3:7: text");
    EXPECT_EQ(to_string(Mistake{"/etc/dst/a.yaml", {}, "text"}), "/etc/dst/a.yaml: text");
}

class Examples : public testing::TestWithParam<std::filesystem::path> {};

TEST_P(Examples, Load) {
    std::string file = GetParam().string();
    bool netnode = GetParam().filename().string().starts_with("netnode");
    if (netnode) {
        auto loaded = load_netnode_file(file);
        const auto* mistakes = std::get_if<std::vector<Mistake>>(&loaded);
        EXPECT_EQ(mistakes, nullptr) << to_string(*mistakes);
    } else {
        auto loaded = load_storage(file);
        const auto* mistakes = std::get_if<std::vector<Mistake>>(&loaded);
        EXPECT_EQ(mistakes, nullptr) << to_string(*mistakes);
    }
}

std::vector<std::filesystem::path> example_files() {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(DST_SOURCE_DIR "/config/examples")) {
        files.push_back(entry.path());
    }
    return files;
}

INSTANTIATE_TEST_SUITE_P(Config, Examples, testing::ValuesIn(example_files()), [](const auto& test) {
    std::string name;
    for (char c : test.param.stem().string()) name += c == '-' || c == '.' ? '_' : c;
    return name;
});

std::string text_of(const std::string& path) {
    std::ifstream file(path);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

/// The words before a colon, comments left out.
std::set<std::string> keys_of(const std::string& path) {
    std::set<std::string> keys;
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);) {
        std::size_t begin = line.find_first_not_of(" -");
        std::size_t end = line.find_first_not_of("abcdefghijklmnopqrstuvwxyz_", begin);
        bool key = begin != std::string::npos && end != std::string::npos && end > begin && line[end] == ':';
        if (key) keys.insert(line.substr(begin, end - begin));
    }
    EXPECT_TRUE(keys.contains("storage")) << path;
    return keys;
}

TEST(Manual, DescribesEveryKeyOfTheExampleWithEveryKey) {
    std::string manual = text_of(DST_SOURCE_DIR "/docs/man/dst.yaml.5");
    for (const std::string& key : keys_of(DST_SOURCE_DIR "/config/examples/every-key.yaml")) {
        EXPECT_NE(manual.find(".It Sy " + key + " :"), std::string::npos) << key;
    }
}

TEST(EveryKeyExample, HoldsEveryPolicyKeyThatTheLoaderTakes) {
    auto loaded = parse_storage("storage: v\ntree: {disk: /a}\npolicy: {no_key: 1}\n", "f");
    std::string text = to_string(std::get<std::vector<Mistake>>(loaded));
    std::size_t list = text.find(" takes ");
    ASSERT_NE(list, std::string::npos);
    std::set<std::string> keys = keys_of(DST_SOURCE_DIR "/config/examples/every-key.yaml");
    std::stringstream words(text.substr(list + 7));
    for (std::string word; words >> word;) {
        if (word.ends_with(',')) word.pop_back();
        EXPECT_TRUE(word == "and" || keys.contains(word)) << word;
    }
}

}  // namespace
}  // namespace dst::yaml
