#include "disk/own_buffers.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "block/assert.h"

namespace dst {

namespace {

/// The piece that holds a place, and where in it.
struct Cursor {
    explicit Cursor(const Place& place) : pieces(place.pieces), within(static_cast<std::size_t>(place.offset)) {
        step();
    }

    std::byte* data() const { return pieces[index].data + within; }
    std::size_t left() const { return pieces[index].size - within; }
    void advance(std::size_t bytes) {
        within += bytes;
        step();
    }
    void step() {
        while (index < pieces.size() && within >= pieces[index].size) within -= pieces[index++].size;
    }

    Pieces pieces;
    std::size_t index = 0;
    std::size_t within;
};

}  // namespace

void copy_between(Place from, Place to, std::uint64_t bytes) noexcept {
    Cursor source(from);
    Cursor target(to);
    while (bytes != 0) {
        const std::size_t both = std::min(source.left(), target.left());
        const auto part = static_cast<std::size_t>(std::min<std::uint64_t>(both, bytes));
        std::memcpy(target.data(), source.data(), part);
        source.advance(part);
        target.advance(part);
        bytes -= part;
    }
}

OwnBuffers::~OwnBuffers() {
    for (SizeClass& size_class : classes_) {
        DST_ASSERT(size_class.idle.size() == size_class.count);
        for (std::byte* buffer : size_class.idle) std::free(buffer);
    }
}

bool OwnBuffers::take(std::size_t wanted, std::vector<Piece>& taken) {
    std::size_t have = 0;
    for (const Piece& piece : taken) have += piece.size;
    while (have < wanted) {
        SizeClass& fitting = classes_[wanted - have <= small_bytes ? 0 : 1];
        SizeClass& other = classes_[&fitting == &classes_[0] ? 1 : 0];
        std::byte* buffer = take_one(fitting);
        std::size_t bytes = fitting.bytes;
        if (buffer == nullptr) {
            buffer = take_one(other);
            bytes = other.bytes;
        }
        if (buffer == nullptr) break;
        taken.push_back({buffer, bytes});
        have += bytes;
    }
    return have != 0;
}

void OwnBuffers::give_back(std::vector<Piece>& taken) noexcept {
    for (const Piece& piece : taken) classes_[piece.size == small_bytes ? 0 : 1].idle.push_back(piece.data);
    taken.clear();
}

std::byte* OwnBuffers::take_one(SizeClass& size_class) {
    if (!size_class.idle.empty()) {
        std::byte* buffer = size_class.idle.back();
        size_class.idle.pop_back();
        return buffer;
    }
    if (size_class.count == size_class.count_max) return nullptr;
    void* memory = std::aligned_alloc(alignment, size_class.bytes);
    if (memory == nullptr) return nullptr;
    if (size_class.count == 0) size_class.idle.reserve(size_class.count_max);
    ++size_class.count;
    return static_cast<std::byte*>(memory);
}

}  // namespace dst
