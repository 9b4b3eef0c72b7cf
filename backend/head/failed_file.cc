#include "head/failed_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>

#include "control/run_dir.h"
#include "head/clock_text.h"

namespace dst {
namespace {

bool write_whole(const std::string& path, const std::string& text) {
    const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (file < 0) return false;
    const bool written = ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    return ::close(file) == 0 && written;
}

}  // namespace

bool leave_failed_file(const HeadOptions& options, const std::string& storage, const std::string& reason) {
    if (!make_run_dir(options.run_dir)) return false;
    const std::string path = control::failed_path(options.run_dir, storage);
    const std::string half = path + "." + std::to_string(::getpid()) + ".new";
    const std::string text = control::encode_failed_open({storage, utc_now(), reason, options.head_name()});
    if (write_whole(half, text) && ::rename(half.c_str(), path.c_str()) == 0) return true;
    ::unlink(half.c_str());
    return false;
}

void remove_failed_file(const HeadOptions& options, const std::string& storage) {
    ::unlink(control::failed_path(options.run_dir, storage).c_str());
}

Result<void> make_run_dir(const std::string& run_dir) {
    std::error_code error;
    std::filesystem::create_directories(run_dir, error);
    if (error)
        return Error{errc_from_errno(error.value()),
                     "cannot make the run directory " + run_dir + ": " + error.message()};
    return {};
}

}  // namespace dst
