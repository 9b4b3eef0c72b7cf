#pragma once

#include <cstdint>
#include <string>

namespace dst::ctl {

/// "512 B", "4.2 GiB", "118 MiB": three digits or so, in powers of 1024.
std::string format_size(std::uint64_t bytes);
/// "118 MiB/s".
std::string format_rate(std::uint64_t bytes_per_second);
/// "36 s", "12 min", "3 h 20 min", "5 d 4 h".
std::string format_duration(std::uint64_t seconds);
/// Sixteen lower-case digits.
std::string format_hexadecimal(std::uint64_t value);
/// The share in whole percent, 0..100; done never says 100 before it is so, and nothing of nothing is 100.
unsigned percent_of(std::uint64_t part, std::uint64_t whole);

}  // namespace dst::ctl
