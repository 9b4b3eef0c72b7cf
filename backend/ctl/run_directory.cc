#include "ctl/run_directory.h"

#include <filesystem>
#include <set>
#include <string_view>
#include <system_error>

#include "control/client.h"
#include "control/run_dir.h"

namespace dst::ctl {

std::vector<std::string> list_storages(const std::string& run_dir) {
    std::set<std::string> names;
    std::error_code error;
    std::filesystem::directory_iterator entry(run_dir, error);
    for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
        std::string file = entry->path().filename().string();
        for (std::string_view ending : {".sock", ".failed"}) {
            if (file.size() > ending.size() && file.ends_with(ending)) {
                names.insert(file.substr(0, file.size() - ending.size()));
            }
        }
    }
    return {names.begin(), names.end()};
}

Answer ask_storage(const std::string& run_dir, const std::string& storage, std::chrono::milliseconds limit) {
    auto status = control::ask_status(control::socket_path(run_dir, storage), limit);
    if (status || status.error().code != Errc::not_found) return {storage, std::move(status)};
    auto failed = control::read_failed_open(run_dir, storage);
    if (!failed && failed.error().code == Errc::not_found) {
        return {storage, Error{Errc::not_found, "no head has it open"}};
    }
    if (!failed) return {storage, failed.error()};
    StorageStatus of_failed;
    of_failed.storage = storage;
    of_failed.state = StorageState::failed;
    of_failed.reason = failed->reason;
    of_failed.head = failed->head;
    return {storage, std::move(of_failed)};
}

}  // namespace dst::ctl
