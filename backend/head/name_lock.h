#pragma once

#include <string>
#include <utility>

#include "block/error.h"

namespace dst {

/// The right to a storage's name in a run directory: its control socket and .failed file. Held by an open-file-
/// description lock on `STORAGE.lock`, so a process that dies lets go of it, and one that holds it already is refused
/// too. The file is taken away at the end.
class NameLock {
public:
    /// busy when another head, in this process or another, has the name; the text says who.
    static Result<NameLock> take(const std::string& path, const std::string& storage, const std::string& head);

    NameLock(NameLock&& other) noexcept;
    NameLock& operator=(NameLock&& other) noexcept;
    ~NameLock();

    /// Its file is still there under its name: nobody has taken it away.
    bool in_place() const;

private:
    NameLock(std::string path, int file) : path_(std::move(path)), file_(file) {}

    std::string path_;
    int file_ = -1;
};

}  // namespace dst
