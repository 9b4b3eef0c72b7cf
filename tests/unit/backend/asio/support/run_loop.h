#pragma once

#include <stdlib.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <string>

#include "asio/asio_loop.h"

namespace dst {

/// Runs the loop until `done` holds; false when it does not within `limit`.
inline bool run_until(AsioLoop& loop, const std::function<bool()>& done, Duration limit = std::chrono::seconds(20)) {
    const TimePoint end = loop.now() + limit;
    bool held = false;
    Timer look(loop, [&] {
        held = done();
        if (held || loop.now() >= end) {
            loop.stop();
        } else {
            look.start(std::chrono::microseconds(500));
        }
    });
    look.start(Duration::zero());
    loop.run();
    return held;
}

/// Lets the loop work for a while.
inline void run_for(AsioLoop& loop, Duration time) {
    run_until(
        loop, [] { return false; }, time);
}

/// A folder that is removed with its contents.
class TemporaryFolder {
public:
    explicit TemporaryFolder(const std::string& above = std::filesystem::temp_directory_path()) {
        std::string name = above + "/dst-test-XXXXXX";
        path_ = ::mkdtemp(name.data());
    }
    ~TemporaryFolder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;

    std::string file(const std::string& name) const { return path_ + "/" + name; }
    const std::string& path() const { return path_; }

private:
    std::string path_;
};

}  // namespace dst
