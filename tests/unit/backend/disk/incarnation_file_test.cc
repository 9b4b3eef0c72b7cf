// docs/disk_format.md, "Incarnation file", against IncarnationKeeper.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "disk/disk_sequence.h"
#include "disk/incarnation.h"
#include "page_vectors.h"
#include "support/disk_bench.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace dst {
namespace {

Bytes hash(const std::string& text) {
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits(text.data(), text.size()));
    Bytes bytes(sizeof canonical.digest);
    std::memcpy(bytes.data(), canonical.digest, bytes.size());
    return bytes;
}

std::string content_of(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

std::string text_of(const Bytes& bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

class IncarnationFile : public testing::Test {
protected:
    void SetUp() override {
        make_file(folder.file("medium"), mib);
        fd = OwnedFd(::open(folder.file("medium").c_str(), O_RDWR | O_CLOEXEC));
        struct statx status {};
        ASSERT_EQ(statx(fd.get(), "", AT_EMPTY_PATH, STATX_INO | STATX_BTIME, &status), 0);
        const dev_t device = makedev(status.stx_dev_major, status.stx_dev_minor);
        inode = std::to_string(status.stx_ino);
        birth = std::to_string(status.stx_btime.tv_sec) + "." + std::to_string(status.stx_btime.tv_nsec);
        place = "file-" + std::to_string(major(device)) + ":" + std::to_string(minor(device)) + "-" + inode;
        std::string boot = content_of("/proc/sys/kernel/random/boot_id");
        boot.pop_back();
        basis = boot + "\n" + place + "\n" + birth + "-" + disk_sequence(device);
    }
    std::string kept_path() const { return folder.file("run/incarnations/" + place); }
    /// The page's vector as if it were of this medium and boot, in its place.
    Bytes keep_vector() const {
        Bytes kept = test::page_vector("incarnation");
        const Bytes of_this = hash(basis);
        std::copy(of_this.begin(), of_this.end(), kept.begin() + 8);
        std::filesystem::create_directories(folder.file("run/incarnations"));
        std::ofstream(kept_path(), std::ios::binary) << text_of(kept);
        return kept;
    }

    TemporaryFolder folder;
    OwnedFd fd;
    std::string inode;
    std::string birth;
    std::string place;
    std::string basis;
};

TEST_F(IncarnationFile, TheVectorHasTheHashOfThePagesText) {
    const Bytes kept = test::page_vector("incarnation");
    ASSERT_EQ(kept.size(), 56u);
    EXPECT_EQ(Bytes(kept.begin() + 8, kept.begin() + 24),
              hash("11111111-2222-3333-4444-555555555555\nfile-8:1-4711\n1700000000.500000000-9"));
}

TEST_F(IncarnationFile, IsTakenUpAsThePageSays) {
    const Bytes kept = keep_vector();
    const auto keeper = IncarnationKeeper::open(folder.file("run"), fd.get(), mib);
    EXPECT_EQ(content_of(kept_path()), text_of(kept));
    std::string random;
    for (std::size_t i = 24; i < 40; ++i) {
        constexpr const char* digits = "0123456789abcdef";
        random += digits[std::to_integer<unsigned>(kept[i]) >> 4];
        random += digits[std::to_integer<unsigned>(kept[i]) & 15];
    }
    Bytes expected(16);
    std::copy_n(hash(basis + "\n" + random).begin(), 8, expected.begin());
    std::copy_n(hash(inode + "-" + birth).begin(), 4, expected.begin() + 12);
    expected.back() |= std::byte{1};
    const auto& id = keeper->incarnation().id.bytes;
    EXPECT_EQ(Bytes(reinterpret_cast<const std::byte*>(id.data()), reinterpret_cast<const std::byte*>(id.data()) + 16),
              expected);
}

TEST_F(IncarnationFile, IsDecodedAsThePageSays) {
    Bytes kept = test::page_vector("incarnation");
    const auto decoded = decode_kept_incarnation(kept);
    ASSERT_TRUE(decoded.has_value());
    EXPECT_EQ(std::memcmp(decoded->basis.bytes.data(), kept.data() + 8, 16), 0);
    EXPECT_EQ(std::memcmp(decoded->random.bytes.data(), kept.data() + 24, 16), 0);
    EXPECT_FALSE(decoded->mark);
    EXPECT_EQ(decoded->size_bytes, mib);
    kept[40] = std::byte{1};
    EXPECT_TRUE(decode_kept_incarnation(kept)->mark);
    EXPECT_EQ(decode_kept_incarnation({}).error().code, Errc::not_found);
}

TEST_F(IncarnationFile, HasItsMarkWhereThePageSays) {
    Bytes kept = keep_vector();
    const auto keeper = IncarnationKeeper::open(folder.file("run"), fd.get(), mib);
    keeper->flush_begins();
    kept[40] = std::byte{1};
    EXPECT_EQ(content_of(kept_path()), text_of(kept));
    keeper->flush_ended(true);
    kept[40] = std::byte{0};
    EXPECT_EQ(content_of(kept_path()), text_of(kept));
}

}  // namespace
}  // namespace dst
