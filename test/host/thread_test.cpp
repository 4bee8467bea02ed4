// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "host/thread.hpp"

#include <csignal>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <memory>
#include <pthread.h>
#include <sched.h>

namespace troupe {
namespace {

TEST(ThreadTest, a_thread_has_its_name_cut_to_what_the_kernel_keeps) {
  char name[32] = "";
  start_thread("troupe-worker-12345", [&] {
    ::pthread_getname_np(::pthread_self(), name, sizeof name);
  }).join();
  EXPECT_STREQ(name, "troupe-worker-1");
}

TEST(ThreadTest, a_body_that_can_only_be_moved_is_taken) {
  int seen = 0;
  start_thread("mover", [&, number = std::make_unique<int>(7)] { seen = *number; }).join();
  EXPECT_EQ(seen, 7);
}

TEST(ThreadTest, signals_for_the_program_are_left_to_the_thread_that_started_it) {
  sigset_t in_thread;
  start_thread("quiet", [&] { ::pthread_sigmask(SIG_BLOCK, nullptr, &in_thread); }).join();
  for (const int held : {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2, SIGCHLD, SIGALRM}) {
    EXPECT_TRUE(::sigismember(&in_thread, held)) << held;
  }
  for (const int free : {SIGSEGV, SIGBUS, SIGFPE, SIGABRT, SIGPROF, SIGURG}) {
    EXPECT_FALSE(::sigismember(&in_thread, free)) << free;
  }
  sigset_t here;
  ::pthread_sigmask(SIG_BLOCK, nullptr, &here);
  EXPECT_FALSE(::sigismember(&here, SIGTERM)) << "the starting thread has its own mask back";
}

TEST(ThreadTest, cores_one_may_not_run_on_do_not_count) {
  EXPECT_GE(usable_cores(), 1U);
  unsigned counted = 0;
  // On a thread of its own: the mask belongs to the thread, and the test's must stay as it is.
  std::thread{[&] {
    cpu_set_t allowed;
    ASSERT_EQ(::sched_getaffinity(0, sizeof allowed, &allowed), 0);
    cpu_set_t one;
    CPU_ZERO(&one);
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
      if (!CPU_ISSET(cpu, &allowed)) continue;
      CPU_SET(cpu, &one);
      break;
    }
    ASSERT_EQ(::sched_setaffinity(0, sizeof one, &one), 0);
    counted = usable_cores();
  }}.join();
  EXPECT_EQ(counted, 1U);
}

class CgroupTest : public testing::Test {
 protected:
  CgroupTest() {
    std::string pattern = testing::TempDir() + "cgroup-XXXXXX";
    mount = ::mkdtemp(pattern.data());
  }
  ~CgroupTest() override { std::filesystem::remove_all(mount); }

  void write(const std::string& path, const std::string& text) {
    const std::filesystem::path file{mount + path};
    std::filesystem::create_directories(file.parent_path());
    std::ofstream{file} << text;
  }

  std::string mount;
};

TEST_F(CgroupTest, version_2_gives_the_quota_in_thousandths_of_a_core) {
  write("/app/cpu.max", "150000 100000\n");
  EXPECT_EQ(cgroup_quota(mount, "0::/app\n"), 1500);
  write("/app/cpu.max", "max 100000\n");
  EXPECT_EQ(cgroup_quota(mount, "0::/app\n"), std::nullopt);
}

TEST_F(CgroupTest, the_tightest_limit_on_the_way_up_binds) {
  write("/cpu.max", "400000 100000\n");
  write("/outer/cpu.max", "50000 100000\n");
  write("/outer/inner/cpu.max", "200000 100000\n");
  EXPECT_EQ(cgroup_quota(mount, "0::/outer/inner\n"), 500);
  EXPECT_EQ(cgroup_quota(mount, "0::/elsewhere\n"), 4000) << "what does not exist is no limit";
  EXPECT_EQ(cgroup_quota(mount, "0::/\n"), 4000);
}

TEST_F(CgroupTest, version_1_is_understood) {
  write("/cpu/app/cpu.cfs_quota_us", "250000\n");
  write("/cpu/app/cpu.cfs_period_us", "100000\n");
  write("/cpu/cpu.cfs_quota_us", "-1\n");
  write("/cpu/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(cgroup_quota(mount, "9:memory:/app\n4:cpu,cpuacct:/app\n0::/\n"), 2500);
  EXPECT_EQ(cgroup_quota(mount, "9:memory:/app\n4:cpuset:/app\n"), std::nullopt);
}

TEST_F(CgroupTest, what_makes_no_sense_is_no_limit) {
  for (const char* text : {"", "\n", "max", "100000", "0 100000", "1 0", "-5 100000", "x y",
                           "99999999999999999999 100000", "9223372036854775807 1"}) {
    write("/app/cpu.max", text);
    EXPECT_EQ(cgroup_quota(mount, "0::/app\n"), std::nullopt) << text;
  }
  for (const char* membership : {"", "\n", ":", "::", "0::", "nonsense", "0::app"}) {
    EXPECT_EQ(cgroup_quota(mount, membership), std::nullopt) << membership;
  }
}

}  // namespace
}  // namespace troupe
