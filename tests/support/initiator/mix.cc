#include "mix.h"

#include <algorithm>
#include <sstream>
#include <stdexcept>
#include <string>

#include "pattern.h"

namespace initiator {
namespace {

constexpr const char* everything = "read=40,write=40,fua=4,flush=2,unmap=5,zeroes=5,same=4";
constexpr std::uint64_t hot_areas = 4;
constexpr std::uint64_t hot_share = 64;  // each hot area is this part of the range

}  // namespace

Mix::Mix(const Args& args, SectorRange range, std::uint64_t block_sectors)
    : range_(range), block_sectors_(block_sectors), hot_(args.areas == "hot"), random_(args.seed) {
    for (const std::uint64_t bytes : args.sizes.empty() ? std::vector<std::uint64_t>{args.request_bytes} : args.sizes) {
        const std::uint64_t sectors = bytes / sector_bytes;
        if (sectors == 0 || sectors % block_sectors != 0)
            throw std::runtime_error("a size is no multiple of the block");
        if (sectors * args.depth > range.count) throw std::runtime_error("the range is too small for this depth");
        sizes_.push_back(sectors);
    }
    if (args.mix.empty()) {
        weights_[static_cast<unsigned>(Kind::read)] = 100 - args.write_percent;
        weights_[static_cast<unsigned>(Kind::write)] = args.write_percent;
    }
    std::istringstream parts(args.mix == "all" ? everything : args.mix);
    for (std::string part; std::getline(parts, part, ',');) {
        const std::size_t equals = part.find('=');
        const auto found = std::find(kind_names.begin(), kind_names.end(), part.substr(0, equals));
        if (equals == std::string::npos || found == kind_names.end()) throw std::runtime_error("--mix: " + part);
        weights_[static_cast<std::size_t>(found - kind_names.begin())] = std::stoul(part.substr(equals + 1));
    }
    for (const unsigned weight : weights_) weight_sum_ += weight;
    if (weight_sum_ == 0) throw std::runtime_error("--mix: nothing to do");
}

Kind Mix::kind() {
    std::uint64_t drawn = random_() % weight_sum_;
    unsigned kind = 0;
    while (drawn >= weights_[kind]) drawn -= weights_[kind++];
    return static_cast<Kind>(kind);
}

SectorRange Mix::place() {
    const std::uint64_t count = sizes_[random_() % sizes_.size()];
    SectorRange from = range_;
    const std::uint64_t area = range_.count / hot_share;
    if (hot_ && area > 2 * count && random_() % 4 != 0) {
        from = {range_.first + (random_() % hot_areas) * (range_.count / hot_areas), area};
    }
    const std::uint64_t step = random_() % 4 != 0 ? count : block_sectors_;
    const std::uint64_t places = (from.count - count) / step + 1;
    const std::uint64_t first = from.first + (random_() % places) * step;
    return {first / block_sectors_ * block_sectors_, count};
}

}  // namespace initiator
