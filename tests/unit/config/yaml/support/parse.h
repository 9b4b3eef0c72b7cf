#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "yaml/load.h"

namespace dst::yaml {

/// "LINE:COLUMN text" of every mistake of a storage file's text; empty: it loads.
std::vector<std::string> storage_mistakes(const std::string& text);
/// The same of a netnode file's.
std::vector<std::string> netnode_mistakes(const std::string& text);

/// The storage that the text declares; a test failure, and an empty one, when it does not load.
spec::Storage good_storage(const std::string& text);
spec::NetnodeFile good_netnode_file(const std::string& text);

/// A storage file's text around one node, written in flow style at 2:7.
std::string with_tree(const std::string& node);
/// Around one policy, written in flow style at 3:9.
std::string with_policy(const std::string& policy);

}  // namespace dst::yaml
