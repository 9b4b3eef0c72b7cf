#include "support/parse.h"

namespace dst::yaml {
namespace {

const Options options{.state_dir = "/state"};

template <typename T>
std::vector<std::string> mistakes_of(const Loaded<T>& loaded) {
    std::vector<std::string> texts;
    if (const auto* mistakes = std::get_if<std::vector<Mistake>>(&loaded)) {
        EXPECT_FALSE(mistakes->empty());
        for (const Mistake& mistake : *mistakes) {
            EXPECT_EQ(mistake.file, "file.yaml");
            texts.push_back(to_string(mistake).substr(std::string("file.yaml:").size()));
        }
    }
    return texts;
}

template <typename T>
T value_of(const Loaded<T>& loaded) {
    if (const auto* value = std::get_if<T>(&loaded)) return *value;
    ADD_FAILURE() << to_string(std::get<std::vector<Mistake>>(loaded));
    return {};
}

}  // namespace

std::vector<std::string> storage_mistakes(const std::string& text) {
    return mistakes_of(parse_storage(text, "file.yaml", options));
}

std::vector<std::string> netnode_mistakes(const std::string& text) {
    return mistakes_of(parse_netnode_file(text, "file.yaml", options));
}

spec::Storage good_storage(const std::string& text) { return value_of(parse_storage(text, "file.yaml", options)); }

spec::NetnodeFile good_netnode_file(const std::string& text) {
    return value_of(parse_netnode_file(text, "file.yaml", options));
}

std::string with_tree(const std::string& node) { return "storage: vol0\ntree: " + node + "\n"; }

std::string with_policy(const std::string& policy) {
    return "storage: vol0\ntree: {disk: /dev/sdb}\npolicy: " + policy + "\n";
}

}  // namespace dst::yaml
