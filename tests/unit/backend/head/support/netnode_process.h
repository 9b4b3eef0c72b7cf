#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "support/temp_folder.h"

namespace dst {

/// The real dst-netnode of this build tree, exporting one file as "disk0" on a port of 127.0.0.1. Ends with the test.
class NetnodeProcess {
public:
    /// The program's path; nothing when this build tree has not built it.
    static std::optional<std::string> program();

    NetnodeProcess(const TempFolder& folder, const std::string& name, const std::string& disk);
    ~NetnodeProcess();
    NetnodeProcess(const NetnodeProcess&) = delete;
    NetnodeProcess& operator=(const NetnodeProcess&) = delete;

    /// Starts it and waits until it takes connections; a test failure when it does not.
    void start();
    /// SIGKILL.
    void kill();

    std::uint16_t port() const noexcept { return port_; }

private:
    bool answers() const;

    std::string file_;
    std::string run_dir_;
    std::uint16_t port_ = 0;
    pid_t process_ = -1;
};

}  // namespace dst
