#include <fcntl.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "asio/owned_fd.h"
#include "ctl/inspection.h"

namespace dst::ctl {
namespace {

/// More than an incarnation file ever has.
constexpr std::size_t read_bytes_max = 4096;

/// What begins there, at most read_bytes_max.
Result<Bytes> read_beginning(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) return Error{errc_from_errno(errno), path + ": cannot open it: " + std::strerror(errno)};
    Bytes bytes(read_bytes_max);
    file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    if (file.bad()) return Error{Errc::io_error, path + ": cannot read it"};
    bytes.resize(static_cast<std::size_t>(file.gcount()));
    return bytes;
}

/// As an incarnation keeper names it.
bool lies_where_one_is_kept(const std::filesystem::path& path) {
    const std::string name = path.filename();
    return path.parent_path().filename() == "incarnations" && (name.starts_with("file-") || name.starts_with("block-"));
}

}  // namespace

bool is_incarnation_file(const std::string& path) {
    std::error_code failure;
    // Reading a pipe might wait for ever; a medium is larger.
    if (!std::filesystem::is_regular_file(path, failure)) return false;
    if (std::filesystem::file_size(path, failure) > read_bytes_max || failure) return false;
    const auto bytes = read_beginning(path);
    if (!bytes) return false;
    const auto kept = decode_kept_incarnation(*bytes);
    return kept || kept.error().code != Errc::not_found ||
           lies_where_one_is_kept(std::filesystem::absolute(path, failure));
}

IncarnationInspection inspect_incarnation(const std::string& path) {
    IncarnationInspection found{.path = path};
    const auto bytes = read_beginning(path);
    const auto kept = bytes ? decode_kept_incarnation(*bytes) : bytes.error();
    if (!kept) {
        found.error = kept.error();
        if (bytes && bytes->empty()) found.error = Error{Errc::not_found, "the file was emptied"};
        return found;
    }
    found.kept = *kept;
    return found;
}

std::optional<IncarnationInspection> inspect_incarnation_of(const std::string& medium, const std::string& run_dir) {
    const OwnedFd fd(::open(medium.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (!fd) return {};
    const IncarnationPlace place = incarnation_place(run_dir, fd.get());
    std::error_code failure;
    if (!std::filesystem::exists(place.path, failure) && !failure) return {};
    IncarnationInspection found = inspect_incarnation(place.path);
    if (found.kept && found.kept->basis != place.basis) return {};
    found.medium = medium;
    return found;
}

}  // namespace dst::ctl
