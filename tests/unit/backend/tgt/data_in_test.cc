#include "tgt/data_in.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <vector>

namespace dst::tgt {
namespace {

/// Pages that are not there yet.
class FreshPages {
public:
    explicit FreshPages(std::size_t bytes, int protection = PROT_READ | PROT_WRITE)
        : bytes_(bytes), at_(mmap(nullptr, bytes, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) {}
    ~FreshPages() { munmap(at_, bytes_); }
    FreshPages(const FreshPages&) = delete;
    FreshPages& operator=(const FreshPages&) = delete;

    std::span<std::byte> all() const { return {static_cast<std::byte*>(at_), bytes_}; }
    std::size_t there() const {
        std::vector<unsigned char> pages(bytes_ / page());
        EXPECT_EQ(mincore(at_, bytes_, pages.data()), 0);
        return static_cast<std::size_t>(
            std::count_if(pages.begin(), pages.end(), [](unsigned char each) { return (each & 1U) != 0; }));
    }
    static std::size_t page() { return static_cast<std::size_t>(sysconf(_SC_PAGESIZE)); }

private:
    std::size_t bytes_;
    void* at_;
};

TEST(DataIn, AllPagesOfALongBufferAreThere) {
    const FreshPages pages(1 << 20);
    ASSERT_EQ(pages.there(), 0u);
    populate(pages.all());
    EXPECT_EQ(pages.there(), (1u << 20) / FreshPages::page());
}

TEST(DataIn, ItsFirstAndLastPageToo) {
    const FreshPages pages(1 << 20);
    const std::size_t page = FreshPages::page();
    populate(pages.all().subspan(page + 100, populate_bytes_min));
    EXPECT_EQ(pages.there(), populate_bytes_min / page + 1);
}

TEST(DataIn, TheBytesStay) {
    const FreshPages pages(1 << 20);
    for (std::size_t at = 0; at < pages.all().size(); at += 3 * FreshPages::page()) pages.all()[at] = std::byte{7};
    populate(pages.all());
    for (std::size_t at = 0; at < pages.all().size(); at += FreshPages::page()) {
        ASSERT_EQ(pages.all()[at], at % (3 * FreshPages::page()) == 0 ? std::byte{7} : std::byte{}) << at;
    }
}

TEST(DataIn, AShortBufferIsLeftAlone) {
    const FreshPages pages(1 << 20);
    populate(pages.all().first(populate_bytes_min - 1));
    populate({});
    EXPECT_EQ(pages.there(), 0u);
}

TEST(DataIn, WhereTheKernelCannotNothingHappens) {
    const FreshPages pages(1 << 20, PROT_NONE);
    populate(pages.all());
}

}  // namespace
}  // namespace dst::tgt
