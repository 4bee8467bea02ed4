// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace greenroom {

// Every command Greenroom knows, subcommands behind their container's name. The table is in this
// order, which no stored or sent byte depends on.
enum class CommandId : std::uint8_t {
  // Connection.
  asking,
  auth,
  client,
  client_getname,
  client_help,
  client_id,
  client_info,
  client_kill,
  client_list,
  client_no_evict,
  client_no_touch,
  client_reply,
  client_setinfo,
  client_setname,
  echo,
  hello,
  ping,
  quit,
  read_only,
  read_write,
  reset,
  select,
  wait,
  // Transactions.
  discard,
  exec,
  multi,
  unwatch,
  watch,
  // Channels.
  psubscribe,
  publish,
  pubsub,
  pubsub_channels,
  pubsub_help,
  pubsub_numpat,
  pubsub_numsub,
  punsubscribe,
  subscribe,
  unsubscribe,
  // Scripts.
  eval,
  evalsha,
  function,
  function_flush,
  script,
  script_exists,
  script_flush,
  script_help,
  script_load,
  script_run,  // What EVAL and EVALSHA become once the script is known; nobody can send it.
  // Server.
  acl,
  acl_cat,
  acl_dryrun,
  acl_genpass,
  acl_getuser,
  acl_help,
  acl_list,
  acl_users,
  acl_whoami,
  bgsave,
  cluster,
  cluster_countkeysinslot,
  cluster_help,
  cluster_info,
  cluster_keyslot,
  cluster_links,
  cluster_myid,
  cluster_nodes,
  cluster_shards,
  cluster_slots,
  command,
  command_count,
  command_docs,
  command_getkeys,
  command_help,
  command_info,
  command_list,
  config,
  config_get,
  config_help,
  config_resetstat,
  config_set,
  dbsize,
  flushall,
  flushdb,
  info,
  lastsave,
  latency,
  latency_help,
  latency_histogram,
  latency_history,
  latency_latest,
  latency_reset,
  memory,
  memory_doctor,
  memory_help,
  memory_usage,
  modules,
  modules_help,
  modules_list,
  monitor,
  role,
  save,
  shutdown,
  slowlog,
  slowlog_get,
  slowlog_help,
  slowlog_len,
  slowlog_reset,
  time,
  // Keys.
  copy,
  del,
  exists,
  expire,
  expireat,
  expiretime,
  keys,
  object,
  object_encoding,
  object_freq,
  object_help,
  object_idletime,
  object_refcount,
  persist,
  pexpire,
  pexpireat,
  pexpiretime,
  pttl,
  randomkey,
  rename,
  renamenx,
  scan,
  touch,
  ttl,
  type,
  unlink,
  // Strings.
  append,
  decr,
  decrby,
  get,
  getdel,
  getex,
  getrange,
  getset,
  incr,
  incrby,
  incrbyfloat,
  mget,
  mset,
  msetnx,
  psetex,
  set,
  setex,
  setnx,
  setrange,
  strlen,
  substr,
  // Hashes.
  hdel,
  hexists,
  hget,
  hgetall,
  hincrby,
  hincrbyfloat,
  hkeys,
  hlen,
  hmget,
  hmset,
  hrandfield,
  hscan,
  hset,
  hsetnx,
  hstrlen,
  hvals,
  // Sets.
  sadd,
  scard,
  sismember,
  smembers,
  smismember,
  spop,
  srandmember,
  srem,
  sscan,
  // Sessions.
  sess_bind,
  sess_create,
  sess_destroy,
  sess_events,
  sess_get,
  sess_history,
  sess_lock,
  sess_patch,
  sess_set,
  sess_stats,
  sess_touch,
  sess_unlock,
  sess_user_erase,
  sess_user_list,
  sess_user_revoke,
  none  // The parent of a command that is no subcommand.
};

// Who answers a command.
enum class Handler : std::uint8_t {
  container,    // Nobody: it only has subcommands.
  connection,   // The connection alone: ConnectionState answers.
  server,       // The connection, with facts about the server or other connections fetched for it.
  single_key,   // The one process that owns the key.
  multi_key,    // The owners of all keys, each its part; see multi_key.hpp.
  together,     // All keys at once, held still: see server/key_locks.hpp.
  transaction,  // WATCH, UNWATCH and EXEC: the connection, with the keys held still.
  channels,     // Whoever knows the subscribers: see channels.hpp.
  scripts,      // The connection, which knows the scripts: see known_scripts.hpp.
  users,        // The index of users, statistics, events: see server/users.hpp.
  keyspace,     // Whoever knows all keys of a database.
};

// How the parts of a multi-key command make one reply.
enum class Merge : std::uint8_t { none, sum, array, ok };

// Redis' command flags, which COMMAND INFO tells to clients that route or retry by them.
enum CommandFlag : std::uint32_t {
  flag_write = 1 << 0,
  flag_readonly = 1 << 1,
  flag_denyoom = 1 << 2,
  flag_admin = 1 << 3,
  flag_noscript = 1 << 4,
  flag_loading = 1 << 5,
  flag_stale = 1 << 6,
  flag_fast = 1 << 7,
  flag_no_auth = 1 << 8,  // Allowed before AUTH.
  flag_allow_busy = 1 << 9,
  flag_dangerous = 1 << 10,  // An ACL category, not shown as a flag.
  flag_quiet = 1 << 11,      // Ours: looking does not count as an access. Not shown.
  flag_pubsub = 1 << 12,
  flag_no_async_loading = 1 << 13,
  flag_no_multi = 1 << 14,  // Refused inside MULTI.
  flag_skip_slowlog = 1 << 15,
  flag_skip_monitor = 1 << 16,
  flag_no_mandatory_keys = 1 << 17,
  flag_movablekeys = 1 << 18,
  flag_random = 1 << 19,    // Ours: needs ApplyContext::random. Not shown.
  flag_settings = 1 << 20,  // Of the category @admin without being flagged so. Not shown.
};

enum class Group : std::uint8_t {
  connection,
  transactions,
  pubsub,
  scripting,
  server,
  keys,
  string,
  hash,
  set,
  sessions,
};

struct CommandSpec {
  CommandId id;
  CommandId parent;       // The container of a subcommand, else none.
  std::string_view name;  // Lower case; a subcommand as "client|id".
  std::int16_t arity;     // Words with the command's own; negative: at least so many.
  std::uint32_t flags;
  std::int16_t first_key;  // Index of the first key, 0: no key.
  std::int16_t last_key;   // Index of the last; -1: the last argument.
  std::int16_t key_step;
  Handler handler;
  Merge merge;
  Group group;
  std::string_view since;  // The Redis version that brought it.
  std::string_view summary;

  // Where key number `index`, from 0 on, stands among the words.
  std::size_t key_at(std::size_t index) const {
    return static_cast<std::size_t>(first_key) + index * static_cast<std::size_t>(key_step);
  }
  bool has(CommandFlag flag) const { return (flags & flag) != 0; }
  bool accepts(std::size_t words) const {
    return arity >= 0 ? words == static_cast<std::size_t>(arity)
                      : words >= static_cast<std::size_t>(-arity);
  }
};

std::span<const CommandSpec> all_commands();

const CommandSpec& command_spec(CommandId id);

// The top-level command of that name in any case, or null.
const CommandSpec* find_command(std::string_view name);

// The subcommand of `container` of that name ("id", in any case), or null.
const CommandSpec* find_subcommand(const CommandSpec& container, std::string_view name);

// The command or subcommand by full name ("client|id", in any case), or null.
const CommandSpec* find_full_name(std::string_view name);

// The number of keys in a request that the command accepts(); 0 for commands without keys.
std::size_t count_keys(const CommandSpec& command, std::size_t words);

}  // namespace greenroom
