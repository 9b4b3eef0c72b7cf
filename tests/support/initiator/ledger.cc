#include "ledger.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <stdexcept>

#include "pattern.h"

namespace initiator {
namespace {

constexpr std::uint64_t magic = 0x3172656764656c44ULL;
constexpr Content nothing = 0xfffffffeU;  // a free place of `maybe`
constexpr std::size_t maybe_max = 3;

std::string name_of(Content content) {
    if (content == content_zeroes) return "zeroes";
    if (content == content_anything) return "anything";
    if ((content & content_same_bit) != 0) return "repeated version " + std::to_string(content & ~content_same_bit);
    return "version " + std::to_string(content);
}

}  // namespace

struct Ledger::Header {
    std::uint64_t magic;
    std::uint64_t sectors;
    std::uint64_t seed;
    std::uint64_t next_version;
};

struct Ledger::Sector {
    Content holds;
    std::array<Content, maybe_max> maybe;
};

Ledger::Ledger(const std::string& path, std::uint64_t sectors, std::uint64_t seed, Content start) {
    mapped_bytes_ = sizeof(Header) + sectors * sizeof(Sector);
    int file = -1;
    if (!path.empty()) {
        file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
        if (file < 0) throw std::runtime_error("cannot open the record " + path);
        struct stat found {};
        const bool sized = ::fstat(file, &found) == 0 &&
                           (found.st_size == static_cast<off_t>(mapped_bytes_) ||
                            (found.st_size == 0 && ::ftruncate(file, static_cast<off_t>(mapped_bytes_)) == 0));
        if (!sized) {
            ::close(file);
            throw std::runtime_error(path + " is the record of a LUN of another size");
        }
    }
    mapping_ = ::mmap(nullptr, mapped_bytes_, PROT_READ | PROT_WRITE,
                      path.empty() ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED, file, 0);
    if (file >= 0) ::close(file);
    if (mapping_ == MAP_FAILED) throw std::runtime_error("cannot map the record");
    header_ = static_cast<Header*>(mapping_);
    sectors_ = reinterpret_cast<Sector*>(header_ + 1);
    if (header_->magic == magic) return;
    Sector fresh{start, {}};
    fresh.maybe.fill(nothing);
    std::fill_n(sectors_, sectors, fresh);
    *header_ = {magic, sectors, seed, 2};  // version 1 is what `fill` writes
}

Ledger::~Ledger() { ::munmap(mapping_, mapped_bytes_); }

std::uint64_t Ledger::sectors_of(const std::string& path) {
    struct stat found {};
    if (::stat(path.c_str(), &found) != 0) throw std::runtime_error("no record " + path);
    return (static_cast<std::uint64_t>(found.st_size) - sizeof(Header)) / sizeof(Sector);
}

Content Ledger::next_version() {
    if (header_->next_version >= content_same_bit) throw std::runtime_error("the record has used all versions");
    return static_cast<Content>(header_->next_version++);
}

void Ledger::fill(std::span<std::byte> data, std::uint64_t first_sector, Content content) const {
    if ((content & content_same_bit) == 0) {
        fill_sectors(data, first_sector, header_->seed, content);
        return;
    }
    for (std::size_t at = 0; at + sector_bytes <= data.size(); at += sector_bytes) {
        fill_sectors(data.subspan(at, sector_bytes), 0, header_->seed, content);
    }
}

bool Ledger::has_room(SectorRange range) const {
    return std::all_of(sectors_ + range.first, sectors_ + range.first + range.count,
                       [](const Sector& sector) { return sector.maybe.back() == nothing; });
}

void Ledger::trying(SectorRange range, Content content) {
    for (std::uint64_t i = range.first; i < range.first + range.count; ++i) {
        auto& maybe = sectors_[i].maybe;
        *std::find(maybe.begin(), maybe.end() - 1, nothing) = content;
    }
}

void Ledger::written(SectorRange range, Content content) {
    for (std::uint64_t i = range.first; i < range.first + range.count; ++i) {
        sectors_[i].holds = content;
        sectors_[i].maybe.fill(nothing);
    }
}

bool Ledger::matches(std::span<const std::byte> sector, std::uint64_t number, Content content) const {
    if (content == content_anything) return true;
    const std::uint64_t place = (content & content_same_bit) != 0 ? 0 : number;
    return !first_difference(sector, place, header_->seed, content);
}

std::optional<std::string> Ledger::check(std::uint64_t first_sector, std::span<const std::byte> data) {
    for (std::size_t at = 0; at + sector_bytes <= data.size(); at += sector_bytes) {
        const std::uint64_t number = first_sector + at / sector_bytes;
        const std::span<const std::byte> sector = data.subspan(at, sector_bytes);
        Sector& may = sectors_[number];
        bool right = matches(sector, number, may.holds);
        for (std::size_t i = 0; i < may.maybe.size() && !right && may.maybe[i] != nothing; ++i) {
            right = matches(sector, number, may.maybe[i]);
            if (right) may.holds = may.maybe[i];
        }
        if (!right) return mistake(sector, number);
        if (may.holds != content_anything) may.maybe.fill(nothing);
    }
    return std::nullopt;
}

std::string Ledger::mistake(std::span<const std::byte> data, std::uint64_t number) const {
    std::array<std::uint64_t, 2> words;  // every sector begins with its number and its version
    std::memcpy(words.data(), data.data(), sizeof words);
    const auto content = static_cast<Content>(words[1]);
    std::string text =
        "byte " + std::to_string(number * sector_bytes) + " must hold " + name_of(sectors_[number].holds);
    for (const Content other : sectors_[number].maybe) {
        if (other != nothing) text += " or " + name_of(other);
    }
    if (matches(data, number, content_zeroes)) return text + ", holds zeroes";
    if (words[1] != content || first_difference(data, words[0], header_->seed, words[1])) {
        return text + ", holds what was never written";
    }
    text += ", holds " + name_of(content);
    if (words[0] != number && (content & content_same_bit) == 0) {
        text += " of byte " + std::to_string(words[0] * sector_bytes);
    }
    return text;
}

}  // namespace initiator
