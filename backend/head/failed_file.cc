#include "head/failed_file.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

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

constexpr std::string_view ending = ".failed";

struct Left {
    std::string path;
    std::optional<control::FailedOpen> failed;  ///< none: it is no such file, or half of one
};

/// Those of which it can be told what they are.
std::vector<Left> failed_files(const HeadOptions& options) {
    std::vector<Left> found;
    std::error_code error;
    std::filesystem::directory_iterator entry(options.run_dir, error);
    for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
        const std::string name = entry->path().filename().string();
        if (name.size() <= ending.size() || !name.ends_with(ending)) continue;
        auto failed = control::read_failed_open(options.run_dir, name.substr(0, name.size() - ending.size()));
        if (failed) {
            found.push_back({entry->path().string(), std::move(*failed)});
        } else if (failed.error().code == Errc::corrupt) {
            found.push_back({entry->path().string(), std::nullopt});
        }
    }
    return found;
}

bool missing(const std::string& path) {
    struct stat status {};
    return ::stat(path.c_str(), &status) != 0 && errno == ENOENT;
}

bool older_than(const std::string& path, std::chrono::seconds age) {
    struct stat status {};
    return ::stat(path.c_str(), &status) == 0 && std::time(nullptr) - status.st_mtime >= age.count();
}

/// "tgtd[1234]": no such process is there. What cannot be read has not ended.
bool has_ended(const std::string& head) {
    const std::size_t at = head.rfind('[');
    int process = 0;
    if (at == std::string::npos) return false;
    const auto [end, error] = std::from_chars(head.data() + at + 1, head.data() + head.size(), process);
    return error == std::errc() && process > 0 && ::kill(process, 0) != 0 && errno == ESRCH;
}

bool nobody_mends(const control::FailedOpen& failed) {
    return (!failed.file.empty() && missing(failed.file)) || has_ended(failed.head);
}

}  // namespace

bool leave_failed_file(const HeadOptions& options, const std::string& storage, const std::string& file,
                       const std::string& reason) {
    if (!make_run_dir(options.run_dir)) return false;
    const std::string path = control::failed_path(options.run_dir, storage);
    const std::string half = path + "." + std::to_string(::getpid()) + ".new";
    const std::string text = control::encode_failed_open({storage, utc_now(), reason, options.head_name(), file});
    if (write_whole(half, text) && ::rename(half.c_str(), path.c_str()) == 0) return true;
    ::unlink(half.c_str());
    return false;
}

void remove_failed_files(const HeadOptions& options, const std::string& storage, const std::string& file) {
    ::unlink(control::failed_path(options.run_dir, storage).c_str());
    for (const Left& left : failed_files(options)) {
        if (!file.empty() && left.failed && left.failed->file == file) ::unlink(left.path.c_str());
    }
}

void remove_stale_failed_files(const HeadOptions& options, std::chrono::seconds age) {
    for (const Left& left : failed_files(options)) {
        // The age first: the storage file may lie on a filesystem that hangs.
        if (!older_than(left.path, age)) continue;
        if (!left.failed || nobody_mends(*left.failed)) ::unlink(left.path.c_str());
    }
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
