#include "ctl/storage_file.h"

#include <variant>
#include <vector>

#include "yaml/load.h"

namespace dst::ctl {

std::optional<spec::Storage> load_storage_file(const std::string& path, const Terminal& terminal) {
    auto loaded = yaml::load_storage(path);
    if (auto* storage = std::get_if<spec::Storage>(&loaded)) return std::move(*storage);
    terminal.err << yaml::to_string(std::get<std::vector<yaml::Mistake>>(loaded));
    return {};
}

}  // namespace dst::ctl
