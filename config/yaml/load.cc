#include "yaml/load.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <optional>

#include "yaml/document.h"
#include "yaml/netnode_file.h"
#include "yaml/scalar.h"
#include "yaml/storage.h"

namespace dst::yaml {
namespace {

/// Closes the descriptor at the end of its scope.
struct Descriptor {
    int fd;
    ~Descriptor() {
        if (fd >= 0) ::close(fd);
    }
};

std::string system_error(std::string_view what) { return std::string(what) + ": " + std::strerror(errno); }

/// The file's bytes; none: reported.
std::optional<std::string> read_file(Report& report) {
    // Without O_NONBLOCK the opening of a FIFO would wait for its writer.
    Descriptor file{::open(report.file().c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)};
    struct stat status {};
    if (file.fd < 0 || ::fstat(file.fd, &status) != 0) {
        report.add({}, system_error("cannot be opened") + "; the path of a readable file would be right");
        return {};
    }
    if (!S_ISREG(status.st_mode)) {
        report.add({}, std::string(S_ISDIR(status.st_mode) ? "a directory" : "not a regular file") +
                           "; the path of a YAML file would be right");
        return {};
    }
    std::string text;
    char buffer[16384];
    while (text.size() <= file_bytes_max) {
        ssize_t count = ::read(file.fd, buffer, sizeof buffer);
        if (count == 0) return text;
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) {
            report.add({}, system_error("cannot be read"));
            return {};
        }
        text.append(buffer, static_cast<std::size_t>(count));
    }
    report.add({}, "larger than " + size_text(file_bytes_max) + "; a YAML file that describes storage is far smaller");
    return {};
}

template <typename T>
using RootReader = T (*)(Report&, const Value&, const Options&);

template <typename T>
Loaded<T> parse(Report& report, std::string_view text, const Options& options, RootReader<T> read_root) {
    auto root = read_document(text, report);
    if (!root) return report.take();
    T value = read_root(report, *root, options);
    if (!report.empty()) return report.take();
    return value;
}

template <typename T>
Loaded<T> load(const std::string& path, const Options& options, RootReader<T> read_root) {
    Report report(path);
    auto text = read_file(report);
    if (!text) return report.take();
    return parse(report, *text, options, read_root);
}

}  // namespace

std::string default_state_dir() {
    const char* chosen = std::getenv("DST_STATE_DIR");
    return chosen != nullptr && chosen[0] == '/' ? chosen : "/var/lib/dst";
}

Loaded<spec::Storage> load_storage(const std::string& path, const Options& options) {
    return load<spec::Storage>(path, options, read_storage_file);
}

Loaded<spec::NetnodeFile> load_netnode_file(const std::string& path, const Options& options) {
    return load<spec::NetnodeFile>(path, options, read_netnode_root);
}

Loaded<spec::Storage> parse_storage(std::string_view text, const std::string& file, const Options& options) {
    Report report(file);
    return parse<spec::Storage>(report, text, options, read_storage_file);
}

Loaded<spec::NetnodeFile> parse_netnode_file(std::string_view text, const std::string& file, const Options& options) {
    Report report(file);
    return parse<spec::NetnodeFile>(report, text, options, read_netnode_root);
}

}  // namespace dst::yaml
