#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "block/buffer.h"

namespace dst::ctl {

/// A folder of the test's own, with what `dstctl inspect` is shown.
class InspectFile : public testing::Test {
protected:
    InspectFile() {
        std::string pattern = (std::filesystem::temp_directory_path() / "dst-inspect-XXXXXX").string();
        folder_ = ::mkdtemp(pattern.data());
    }
    ~InspectFile() override { std::filesystem::remove_all(folder_); }

    std::string write(const Bytes& bytes, const std::string& name = "disk.img") const {
        std::string path = folder_ + "/" + name;
        std::ofstream(path, std::ios::binary)
            .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
        return path;
    }
    std::string path(const std::string& name) const { return folder_ + "/" + name; }

private:
    std::string folder_;
};

}  // namespace dst::ctl
