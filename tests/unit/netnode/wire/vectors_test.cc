// The test vectors of docs/wire_protocol.md against the encoder and the decoder.
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <sstream>

#include "support/vectors.h"
#include "wire/frame.h"
#include "wire/payload.h"

namespace dst::test {
namespace {

Bytes parse_line(const std::string& line) {
    std::istringstream words(line);
    Bytes bytes;
    for (std::string word; words >> word;) {
        // "ab*16": sixteen times.
        const auto star = word.find('*');
        const auto value = static_cast<std::byte>(std::stoul(word.substr(0, star), nullptr, 16));
        bytes.insert(bytes.end(), star == std::string::npos ? 1 : std::stoul(word.substr(star + 1)), value);
    }
    return bytes;
}

/// Blocks of "vector NAME" and lines of hexadecimal bytes.
std::map<std::string, Bytes> documented_vectors() {
    std::ifstream file(std::string(DST_SOURCE_DIR) + "/docs/wire_protocol.md");
    std::map<std::string, Bytes> vectors;
    Bytes* current = nullptr;
    for (std::string line; std::getline(file, line);) {
        if (line.starts_with("vector ")) {
            current = &vectors[line.substr(7)];
        } else if (line.starts_with("```")) {
            current = nullptr;
        } else if (current != nullptr) {
            const Bytes bytes = parse_line(line);
            current->insert(current->end(), bytes.begin(), bytes.end());
        }
    }
    return vectors;
}

TEST(WireVectors, TheEncoderMakesWhatTheDocumentSays) {
    const std::map<std::string, Bytes> documented = documented_vectors();
    const std::vector<Vector> encoded = encoded_vectors();
    EXPECT_EQ(documented.size(), encoded.size());
    for (const Vector& vector : encoded) {
        const auto found = documented.find(vector.name);
        ASSERT_NE(found, documented.end()) << vector.name;
        EXPECT_EQ(found->second, vector.bytes) << vector.name;
    }
}

TEST(WireVectors, TheDecoderTakesWhatTheDocumentSays) {
    for (const auto& [name, bytes] : documented_vectors()) {
        ASSERT_GE(bytes.size(), wire::header_bytes) << name;
        const auto header = wire::decode_header(std::span<const std::byte, 64>(bytes.data(), wire::header_bytes));
        ASSERT_TRUE(header) << name << ": " << header.error().text;
        EXPECT_EQ(bytes.size(), wire::header_bytes + header->payload_bytes) << name;
        wire::HeaderBytes again;
        wire::encode_header(*header, again);
        EXPECT_TRUE(std::equal(again.begin(), again.end(), bytes.begin())) << name;
    }
}

}  // namespace
}  // namespace dst::test
