#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <sstream>
#include <string>

#include "block/buffer.h"

namespace dst::test {

/// The blocks "```vector NAME SIZE" of docs/disk_format.md.
inline std::map<std::string, Bytes> page_vectors() {
    std::map<std::string, Bytes> vectors;
    std::ifstream page(DST_SOURCE_DIR "/docs/disk_format.md");
    Bytes* current = nullptr;
    for (std::string line; std::getline(page, line);) {
        std::istringstream words(line);
        std::string first;
        words >> first;
        if (first == "```vector") {
            std::string name;
            std::size_t size = 0;
            words >> name >> size;
            current = &vectors[name];
            current->resize(size);
        } else if (first == "```") {
            current = nullptr;
        } else if (current != nullptr) {
            std::size_t at = std::stoul(first, nullptr, 16);
            for (std::string byte; words >> byte; ++at)
                current->at(at) = static_cast<std::byte>(std::stoul(byte, nullptr, 16));
        }
    }
    return vectors;
}

/// One of them. Without it the test fails, and goes on with nothing.
inline Bytes page_vector(const std::string& name) {
    std::map<std::string, Bytes> vectors = page_vectors();
    const auto found = vectors.find(name);
    EXPECT_NE(found, vectors.end()) << "the page has no vector " << name;
    return found == vectors.end() ? Bytes{} : std::move(found->second);
}

}  // namespace dst::test
