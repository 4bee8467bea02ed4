// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <string>
#include <vector>

namespace greenroom {

// `greenroom snapshot ...`, on files; no server is asked, and none need run. Each gives the
// program's exit code: 0, or 1 with a sentence on stderr.
int list_snapshots(const std::string& directory);
// Reads each file to its end.
int verify_snapshots(const std::vector<std::string>& files);
// Makes a new data directory from a snapshot. A damaged one is refused, and the newest whole one
// before it is named. The directory must not exist, or be empty.
int restore_snapshot(const std::string& file, const std::string& data, unsigned shards);

}  // namespace greenroom
