// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// A metrics collector, of which the course has the name: one process that is told, by casts, and
// makes nobody wait. Counts and summaries by name.
#pragma once

#include <algorithm>
#include <map>
#include <string>

#include <troupe/troupe.hpp>

using namespace troupe;

namespace singletons {

struct Metrics : GenServer<Metrics> {
  struct Count {
    std::string name;
    long by = 1;
  };
  struct Observe {
    std::string name;
    double value;
  };
  struct Summary {
    long count = 0;
    double sum = 0, least = 0, most = 0;
    double mean() const { return count == 0 ? 0 : sum / static_cast<double>(count); }
  };
  struct GetCount {
    std::string name;
    using Reply = long;
  };
  struct GetSummary {
    std::string name;
    using Reply = Summary;
  };
  void handle_cast(Count m) { counters_[m.name] += m.by; }
  void handle_cast(Observe m) {
    Summary& s = summaries_[m.name];
    s.least = s.count == 0 ? m.value : std::min(s.least, m.value);
    s.most = s.count == 0 ? m.value : std::max(s.most, m.value);
    s.sum += m.value;
    ++s.count;
  }
  long handle_call(GetCount m) { return value_of(counters_, m.name); }
  Summary handle_call(GetSummary m) { return value_of(summaries_, m.name); }

 private:
  template <class T>
  static T value_of(const std::map<std::string, T>& values, const std::string& name) {
    const auto at = values.find(name);  // a name nobody has counted is not kept for being asked
    return at == values.end() ? T{} : at->second;
  }
  std::map<std::string, long> counters_;
  std::map<std::string, Summary> summaries_;
};

}  // namespace singletons
