#include "start/blank_check.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tree/owned_request.h"

namespace dst {
namespace {

constexpr std::uint64_t read_bytes = 1u << 20;
constexpr std::uint64_t all_read_bytes = 4 * read_bytes;
constexpr std::uint64_t place_bytes = 64u << 10;
constexpr std::uint64_t places_between = 32;

std::vector<Extent> places_of(const Extent& within) {
    std::vector<Extent> places;
    if (within.length <= all_read_bytes) {
        for (std::uint64_t at = within.offset; at < within.end(); at += read_bytes) {
            places.push_back({at, std::min(read_bytes, within.end() - at)});
        }
        return places;
    }
    places.push_back({within.offset, read_bytes});
    const std::uint64_t step = within.length / (places_between + 1) / place_bytes * place_bytes;
    for (std::uint64_t i = 1; step != 0 && i <= places_between; ++i) {
        places.push_back({within.offset + i * step, place_bytes});
    }
    places.push_back({within.end() - read_bytes, read_bytes});
    return places;
}

struct Search {
    BlockDevice& device;
    std::vector<Extent> places;
    std::size_t next = 0;
    Callback<std::optional<std::uint64_t>> done;
};

void search_next(const std::shared_ptr<Search>& search) {
    if (search->next == search->places.size()) return search->done(std::optional<std::uint64_t>{});
    const Extent place = search->places[search->next++];
    OwnedOrder order;
    order.operation = Operation::read;
    order.extent = place;
    submit_owned(search->device, std::move(order), [search, place](Errc code, const Bytes& bytes) {
        if (code != Errc::ok)
            return search->done(Error{code, "it could not be read at byte " + std::to_string(place.offset)});
        const auto data = std::find_if(bytes.begin(), bytes.end(), [](std::byte byte) { return byte != std::byte{}; });
        if (data == bytes.end()) return search_next(search);
        search->done(std::optional(place.offset + static_cast<std::uint64_t>(data - bytes.begin())));
    });
}

}  // namespace

void find_data(BlockDevice& device, const Extent& within, Callback<std::optional<std::uint64_t>> done) {
    search_next(std::make_shared<Search>(Search{device, places_of(within), 0, std::move(done)}));
}

}  // namespace dst
