// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Arity, flags and key positions are Redis 7's, because clients use them; a test compares them with
// a real redis-server where one is installed.
#include "resp/command_table.hpp"

#include <array>

#include "resp/letters.hpp"

namespace greenroom {
namespace {

using enum CommandId;
using H = Handler;
using M = Merge;
using G = Group;

constexpr std::uint32_t write = flag_write;
constexpr std::uint32_t readonly = flag_readonly;
constexpr std::uint32_t denyoom = flag_denyoom;
constexpr std::uint32_t fast = flag_fast;
constexpr std::uint32_t dangerous = flag_dangerous;
constexpr std::uint32_t quiet = flag_quiet;
constexpr std::uint32_t anytime = flag_loading | flag_stale;
constexpr std::uint32_t client_flags = flag_noscript | anytime;
constexpr std::uint32_t login = flag_noscript | anytime | fast | flag_no_auth | flag_allow_busy;
constexpr std::uint32_t settings = flag_admin | flag_noscript | anytime;
constexpr std::uint32_t grow = write | denyoom;
constexpr std::uint32_t quick_grow = write | denyoom | fast;
constexpr std::uint32_t look = readonly | fast;
constexpr std::uint32_t bracket = flag_noscript | anytime | fast | flag_allow_busy;
constexpr std::uint32_t listen = flag_pubsub | flag_noscript | anytime;
constexpr std::uint32_t evaluate =
    flag_noscript | flag_stale | flag_skip_monitor | flag_no_mandatory_keys | flag_movablekeys;
constexpr std::uint32_t watch_settings = flag_admin | anytime;
constexpr std::uint32_t random_look = readonly | flag_random;

constexpr auto table = std::to_array<CommandSpec>({
    {asking, none, "asking", 1, fast, 0, 0, 0, H::connection, M::none, G::connection, "3.0.0",
     "Refused: Greenroom does not speak the Redis Cluster protocol."},
    {auth, none, "auth", -2, login, 0, 0, 0, H::connection, M::none, G::connection, "1.0.0",
     "Authenticates the connection."},
    {client, none, "client", -2, 0, 0, 0, 0, H::container, M::none, G::connection, "2.4.0",
     "Commands about client connections."},
    {client_getname, client, "client|getname", 2, client_flags, 0, 0, 0, H::connection, M::none,
     G::connection, "2.6.9", "Returns the name of this connection."},
    {client_help, client, "client|help", 2, anytime, 0, 0, 0, H::connection, M::none, G::connection,
     "5.0.0", "Lists the subcommands."},
    {client_id, client, "client|id", 2, client_flags, 0, 0, 0, H::connection, M::none,
     G::connection, "5.0.0", "Returns the number of this connection."},
    {client_info, client, "client|info", 2, client_flags, 0, 0, 0, H::connection, M::none,
     G::connection, "6.2.0", "Describes this connection."},
    {client_kill, client, "client|kill", -3, settings, 0, 0, 0, H::server, M::none, G::connection,
     "2.4.0", "Closes connections."},
    {client_list, client, "client|list", -2, settings, 0, 0, 0, H::server, M::none, G::connection,
     "2.4.0", "Describes the open connections."},
    {client_no_evict, client, "client|no-evict", 3, settings, 0, 0, 0, H::connection, M::none,
     G::connection, "7.0.0", "Accepted for compatibility; connections are not evicted."},
    {client_no_touch, client, "client|no-touch", 3, client_flags, 0, 0, 0, H::connection, M::none,
     G::connection, "7.2.0", "Lets this connection's commands leave access times alone."},
    {client_reply, client, "client|reply", 3, client_flags, 0, 0, 0, H::connection, M::none,
     G::connection, "3.2.0", "Turns this connection's replies off or on."},
    {client_setinfo, client, "client|setinfo", 4, client_flags, 0, 0, 0, H::connection, M::none,
     G::connection, "7.2.0", "Names the client library of this connection."},
    {client_setname, client, "client|setname", 3, client_flags, 0, 0, 0, H::connection, M::none,
     G::connection, "2.6.9", "Names this connection."},
    {echo, none, "echo", 2, anytime | fast, 0, 0, 0, H::connection, M::none, G::connection, "1.0.0",
     "Returns its argument."},
    {hello, none, "hello", -1, login, 0, 0, 0, H::connection, M::none, G::connection, "6.0.0",
     "Agrees on the protocol version, and may authenticate and name the connection."},
    {ping, none, "ping", -1, fast, 0, 0, 0, H::connection, M::none, G::connection, "1.0.0",
     "Returns PONG, or its argument."},
    {quit, none, "quit", -1, login, 0, 0, 0, H::connection, M::none, G::connection, "1.0.0",
     "Closes the connection."},
    {read_only, none, "readonly", 1, anytime | fast, 0, 0, 0, H::connection, M::none, G::connection,
     "3.0.0", "Refused: Greenroom does not speak the Redis Cluster protocol."},
    {read_write, none, "readwrite", 1, anytime | fast, 0, 0, 0, H::connection, M::none,
     G::connection, "3.0.0", "Refused: Greenroom does not speak the Redis Cluster protocol."},
    {reset, none, "reset", 1, login, 0, 0, 0, H::connection, M::none, G::connection, "6.2.0",
     "Puts the connection back to how it began."},
    {select, none, "select", 2, anytime | fast, 0, 0, 0, H::connection, M::none, G::connection,
     "1.0.0", "Chooses the database of this connection."},
    {wait, none, "wait", 3, flag_noscript, 0, 0, 0, H::connection, M::none, G::connection, "3.0.0",
     "Returns 0 at once: there are no replicas."},

    {discard, none, "discard", 1, bracket, 0, 0, 0, H::connection, M::none, G::transactions,
     "2.0.0", "Forgets the transaction that was begun."},
    {exec, none, "exec", 1, flag_noscript | anytime | flag_skip_slowlog, 0, 0, 0, H::transaction,
     M::none, G::transactions, "1.2.0", "Carries the transaction out."},
    {multi, none, "multi", 1, bracket, 0, 0, 0, H::connection, M::none, G::transactions, "1.2.0",
     "Begins a transaction."},
    {unwatch, none, "unwatch", 1, bracket, 0, 0, 0, H::transaction, M::none, G::transactions,
     "2.2.0", "Forgets the keys that are watched."},
    {watch, none, "watch", -2, bracket, 1, -1, 1, H::transaction, M::none, G::transactions, "2.2.0",
     "Makes the next EXEC depend on these keys staying as they are."},

    {psubscribe, none, "psubscribe", -2, listen, 0, 0, 0, H::channels, M::none, G::pubsub, "2.0.0",
     "Listens to the channels that match."},
    {publish, none, "publish", 3, flag_pubsub | anytime | fast, 0, 0, 0, H::channels, M::none,
     G::pubsub, "2.0.0", "Sends a message to a channel."},
    {pubsub, none, "pubsub", -2, 0, 0, 0, 0, H::container, M::none, G::pubsub, "2.8.0",
     "Commands about channels."},
    {pubsub_channels, pubsub, "pubsub|channels", -2, flag_pubsub | anytime, 0, 0, 0, H::channels,
     M::none, G::pubsub, "2.8.0", "Returns the channels somebody listens to."},
    {pubsub_help, pubsub, "pubsub|help", 2, anytime, 0, 0, 0, H::connection, M::none, G::pubsub,
     "6.2.0", "Lists the subcommands."},
    {pubsub_numpat, pubsub, "pubsub|numpat", 2, flag_pubsub | anytime, 0, 0, 0, H::channels,
     M::none, G::pubsub, "2.8.0", "Returns the number of patterns somebody listens to."},
    {pubsub_numsub, pubsub, "pubsub|numsub", -2, flag_pubsub | anytime, 0, 0, 0, H::channels,
     M::none, G::pubsub, "2.8.0", "Returns how many listen to each channel."},
    {punsubscribe, none, "punsubscribe", -1, listen, 0, 0, 0, H::channels, M::none, G::pubsub,
     "2.0.0", "Stops listening to patterns."},
    {subscribe, none, "subscribe", -2, listen, 0, 0, 0, H::channels, M::none, G::pubsub, "2.0.0",
     "Listens to channels."},
    {unsubscribe, none, "unsubscribe", -1, listen, 0, 0, 0, H::channels, M::none, G::pubsub,
     "2.0.0", "Stops listening to channels."},

    {eval, none, "eval", -3, evaluate, 0, 0, 0, H::scripts, M::none, G::scripting, "2.6.0",
     "Runs one of the scripts that Greenroom knows."},
    {evalsha, none, "evalsha", -3, evaluate, 0, 0, 0, H::scripts, M::none, G::scripting, "2.6.0",
     "Runs a known script by its SHA-1."},
    {function, none, "function", -2, 0, 0, 0, 0, H::container, M::none, G::scripting, "7.0.0",
     "Commands about functions, of which there are none."},
    {function_flush, function, "function|flush", -2, write | flag_noscript, 0, 0, 0, H::scripts,
     M::none, G::scripting, "7.0.0", "Does nothing: there are no functions."},
    {script, none, "script", -2, 0, 0, 0, 0, H::container, M::none, G::scripting, "2.6.0",
     "Commands about scripts."},
    {script_exists, script, "script|exists", -3, flag_noscript, 0, 0, 0, H::scripts, M::none,
     G::scripting, "2.6.0", "Tells which scripts EVALSHA would run."},
    {script_flush, script, "script|flush", -2, flag_noscript, 0, 0, 0, H::scripts, M::none,
     G::scripting, "2.6.0", "Forgets the scripts that were loaded."},
    {script_help, script, "script|help", 2, anytime, 0, 0, 0, H::connection, M::none, G::scripting,
     "5.0.0", "Lists the subcommands."},
    {script_load, script, "script|load", 3, flag_noscript | flag_stale, 0, 0, 0, H::scripts,
     M::none, G::scripting, "2.6.0", "Makes a known script ready for EVALSHA."},
    {script_run, script_run, "script", -2, grow, 1, 1, 1, H::single_key, M::none, G::scripting,
     "internal", "A known script, on its key."},

    {acl, none, "acl", -2, 0, 0, 0, 0, H::container, M::none, G::server, "6.0.0",
     "Commands about users and what they may do."},
    {acl_cat, acl, "acl|cat", -2, client_flags, 0, 0, 0, H::connection, M::none, G::server, "6.0.0",
     "Lists the categories, or the commands of one."},
    {acl_dryrun, acl, "acl|dryrun", -4, settings, 0, 0, 0, H::connection, M::none, G::server,
     "7.0.0", "Tells whether a user might send a request."},
    {acl_genpass, acl, "acl|genpass", -2, client_flags, 0, 0, 0, H::connection, M::none, G::server,
     "6.0.0", "Returns a random password."},
    {acl_getuser, acl, "acl|getuser", 3, settings, 0, 0, 0, H::connection, M::none, G::server,
     "6.0.0", "Returns what a user may do."},
    {acl_help, acl, "acl|help", 2, anytime, 0, 0, 0, H::connection, M::none, G::server, "6.0.0",
     "Lists the subcommands."},
    {acl_list, acl, "acl|list", 2, settings, 0, 0, 0, H::connection, M::none, G::server, "6.0.0",
     "Returns what each user may do."},
    {acl_users, acl, "acl|users", 2, settings, 0, 0, 0, H::connection, M::none, G::server, "6.0.0",
     "Lists the users."},
    {acl_whoami, acl, "acl|whoami", 2, client_flags, 0, 0, 0, H::connection, M::none, G::server,
     "6.0.0", "Returns the user of this connection."},
    {bgsave, none, "bgsave", -1, flag_admin | flag_noscript | flag_no_async_loading, 0, 0, 0,
     H::server, M::none, G::server, "1.0.0", "Makes a snapshot in the background."},
    {cluster, none, "cluster", -2, 0, 0, 0, 0, H::container, M::none, G::server, "3.0.0",
     "Refused: Greenroom does not speak the Redis Cluster protocol."},
    {cluster_countkeysinslot, cluster, "cluster|countkeysinslot", 3, flag_stale, 0, 0, 0,
     H::connection, M::none, G::server, "3.0.0", "Refused."},
    {cluster_help, cluster, "cluster|help", 2, anytime, 0, 0, 0, H::connection, M::none, G::server,
     "5.0.0", "Refused."},
    {cluster_info, cluster, "cluster|info", 2, flag_stale, 0, 0, 0, H::connection, M::none,
     G::server, "3.0.0", "Refused."},
    {cluster_keyslot, cluster, "cluster|keyslot", 3, flag_stale, 0, 0, 0, H::connection, M::none,
     G::server, "3.0.0", "Refused."},
    {cluster_links, cluster, "cluster|links", 2, flag_stale, 0, 0, 0, H::connection, M::none,
     G::server, "7.0.0", "Refused."},
    {cluster_myid, cluster, "cluster|myid", 2, flag_stale, 0, 0, 0, H::connection, M::none,
     G::server, "3.0.0", "Refused."},
    {cluster_nodes, cluster, "cluster|nodes", 2, flag_stale, 0, 0, 0, H::connection, M::none,
     G::server, "3.0.0", "Refused."},
    {cluster_shards, cluster, "cluster|shards", 2, flag_stale, 0, 0, 0, H::connection, M::none,
     G::server, "7.0.0", "Refused."},
    {cluster_slots, cluster, "cluster|slots", 2, flag_stale, 0, 0, 0, H::connection, M::none,
     G::server, "3.0.0", "Refused."},
    {command, none, "command", -1, anytime, 0, 0, 0, H::connection, M::none, G::connection,
     "2.8.13", "Describes all commands."},
    {command_count, command, "command|count", 2, anytime, 0, 0, 0, H::connection, M::none,
     G::connection, "2.8.13", "Returns the number of commands."},
    {command_docs, command, "command|docs", -2, anytime, 0, 0, 0, H::connection, M::none,
     G::connection, "7.0.0", "Returns what the commands are for."},
    {command_getkeys, command, "command|getkeys", -3, anytime, 0, 0, 0, H::connection, M::none,
     G::connection, "2.8.13", "Returns the keys of a request."},
    {command_help, command, "command|help", 2, anytime, 0, 0, 0, H::connection, M::none,
     G::connection, "5.0.0", "Lists the subcommands."},
    {command_info, command, "command|info", -2, anytime, 0, 0, 0, H::connection, M::none,
     G::connection, "2.8.13", "Describes the commands named."},
    {command_list, command, "command|list", -2, anytime, 0, 0, 0, H::connection, M::none,
     G::connection, "7.0.0", "Returns the names of the commands."},
    {config, none, "config", -2, 0, 0, 0, 0, H::container, M::none, G::server, "2.0.0",
     "Commands about the settings."},
    {config_get, config, "config|get", -3, settings, 0, 0, 0, H::server, M::none, G::server,
     "2.0.0", "Returns the settings that match."},
    {config_help, config, "config|help", 2, anytime, 0, 0, 0, H::connection, M::none, G::server,
     "5.0.0", "Lists the subcommands."},
    {config_resetstat, config, "config|resetstat", 2, settings, 0, 0, 0, H::server, M::none,
     G::server, "2.0.0", "Sets the counters of INFO to zero."},
    {config_set, config, "config|set", -4, settings, 0, 0, 0, H::server, M::none, G::server,
     "2.0.0", "Changes settings."},
    {dbsize, none, "dbsize", 1, look, 0, 0, 0, H::keyspace, M::none, G::server, "1.0.0",
     "Returns the number of keys in the database."},
    {flushall, none, "flushall", -1, write | dangerous, 0, 0, 0, H::keyspace, M::none, G::server,
     "1.0.0", "Deletes all keys of all databases."},
    {flushdb, none, "flushdb", -1, write | dangerous, 0, 0, 0, H::keyspace, M::none, G::server,
     "1.0.0", "Deletes all keys of the database."},
    {info, none, "info", -1, anytime | dangerous, 0, 0, 0, H::server, M::none, G::server, "1.0.0",
     "Describes the server."},
    {lastsave, none, "lastsave", 1, anytime | fast | flag_settings | dangerous, 0, 0, 0, H::server,
     M::none, G::server, "1.0.0", "Returns when everything was last known to be on disk."},
    {latency, none, "latency", -2, 0, 0, 0, 0, H::container, M::none, G::server, "2.8.13",
     "Commands about slow moments."},
    {latency_help, latency, "latency|help", 2, anytime, 0, 0, 0, H::connection, M::none, G::server,
     "2.8.13", "Lists the subcommands."},
    {latency_histogram, latency, "latency|histogram", -2, settings, 0, 0, 0, H::server, M::none,
     G::server, "7.0.0", "Returns nothing: the times of commands are not kept."},
    {latency_history, latency, "latency|history", 3, settings, 0, 0, 0, H::server, M::none,
     G::server, "2.8.13", "Returns nothing: latency events are not kept."},
    {latency_latest, latency, "latency|latest", 2, settings, 0, 0, 0, H::server, M::none, G::server,
     "2.8.13", "Returns nothing: latency events are not kept."},
    {latency_reset, latency, "latency|reset", -2, settings, 0, 0, 0, H::server, M::none, G::server,
     "2.8.13", "Returns 0: latency events are not kept."},
    {memory, none, "memory", -2, 0, 0, 0, 0, H::container, M::none, G::server, "4.0.0",
     "Commands about memory."},
    {memory_doctor, memory, "memory|doctor", 2, 0, 0, 0, 0, H::server, M::none, G::server, "4.0.0",
     "Says how far the limit of memory is."},
    {memory_help, memory, "memory|help", 2, anytime, 0, 0, 0, H::connection, M::none, G::server,
     "4.0.0", "Lists the subcommands."},
    {memory_usage, memory, "memory|usage", -3, readonly | quiet, 2, 2, 1, H::single_key, M::none,
     G::server, "4.0.0", "Returns an estimate of the memory that a key takes."},
    {modules, none, "module", -2, 0, 0, 0, 0, H::container, M::none, G::server, "4.0.0",
     "Commands about modules, of which there are none."},
    {modules_help, modules, "module|help", 2, anytime, 0, 0, 0, H::connection, M::none, G::server,
     "5.0.0", "Lists the subcommands."},
    {modules_list, modules, "module|list", 2, flag_admin | flag_noscript, 0, 0, 0, H::connection,
     M::none, G::server, "4.0.0", "Returns nothing: there are no modules."},
    {monitor, none, "monitor", 1, settings, 0, 0, 0, H::connection, M::none, G::server, "1.0.0",
     "Refused: it would show session ids and payloads."},
    {role, none, "role", 1, flag_noscript | anytime | fast | flag_settings | dangerous, 0, 0, 0,
     H::connection, M::none, G::server, "2.8.12", "Returns that this is a master."},
    {save, none, "save", 1, flag_admin | flag_noscript | flag_no_async_loading | flag_no_multi, 0,
     0, 0, H::server, M::none, G::server, "1.0.0", "Returns OK: what was acknowledged is stored."},
    {shutdown, none, "shutdown", -1, settings | flag_no_multi | flag_allow_busy, 0, 0, 0, H::server,
     M::none, G::server, "1.0.0", "Stops the server in order."},
    {slowlog, none, "slowlog", -2, 0, 0, 0, 0, H::container, M::none, G::server, "2.2.12",
     "Commands about slow commands."},
    {slowlog_get, slowlog, "slowlog|get", -2, watch_settings, 0, 0, 0, H::server, M::none,
     G::server, "2.2.12", "Returns the slow commands, the latest first."},
    {slowlog_help, slowlog, "slowlog|help", 2, anytime, 0, 0, 0, H::connection, M::none, G::server,
     "6.2.0", "Lists the subcommands."},
    {slowlog_len, slowlog, "slowlog|len", 2, watch_settings, 0, 0, 0, H::server, M::none, G::server,
     "2.2.12", "Returns the number of slow commands kept."},
    {slowlog_reset, slowlog, "slowlog|reset", 2, watch_settings, 0, 0, 0, H::server, M::none,
     G::server, "2.2.12", "Forgets the slow commands."},
    {time, none, "time", 1, anytime | fast, 0, 0, 0, H::server, M::none, G::server, "2.6.0",
     "Returns the time of day."},

    {copy, none, "copy", -3, grow, 1, 2, 1, H::together, M::none, G::keys, "6.2.0",
     "Copies a value to another key."},
    {del, none, "del", -2, write, 1, -1, 1, H::together, M::sum, G::keys, "1.0.0", "Deletes keys."},
    {exists, none, "exists", -2, look | quiet, 1, -1, 1, H::multi_key, M::sum, G::keys, "1.0.0",
     "Counts the keys that exist."},
    {expire, none, "expire", -3, write | fast, 1, 1, 1, H::single_key, M::none, G::keys, "1.0.0",
     "Sets the time to live in seconds."},
    {expireat, none, "expireat", -3, write | fast, 1, 1, 1, H::single_key, M::none, G::keys,
     "1.2.0", "Sets the time of expiry in Unix seconds."},
    {expiretime, none, "expiretime", 2, look | quiet, 1, 1, 1, H::single_key, M::none, G::keys,
     "7.0.0", "Returns the time of expiry in Unix seconds."},
    {keys, none, "keys", 2, readonly | dangerous, 0, 0, 0, H::keyspace, M::none, G::keys, "1.0.0",
     "Returns the names of the keys that match."},
    {object, none, "object", -2, 0, 0, 0, 0, H::container, M::none, G::keys, "2.2.3",
     "Commands about how a key is kept."},
    {object_encoding, object, "object|encoding", 3, readonly | quiet, 2, 2, 1, H::single_key,
     M::none, G::keys, "2.2.3", "Returns how the value is represented."},
    {object_freq, object, "object|freq", 3, readonly | quiet, 2, 2, 1, H::single_key, M::none,
     G::keys, "4.0.0", "Refused: access frequency is not kept."},
    {object_help, object, "object|help", 2, anytime, 0, 0, 0, H::connection, M::none, G::keys,
     "6.2.0", "Lists the subcommands."},
    {object_idletime, object, "object|idletime", 3, readonly | quiet, 2, 2, 1, H::single_key,
     M::none, G::keys, "2.2.3", "Returns the seconds since the last access."},
    {object_refcount, object, "object|refcount", 3, readonly | quiet, 2, 2, 1, H::single_key,
     M::none, G::keys, "2.2.3", "Returns 1: values are not shared."},
    {persist, none, "persist", 2, write | fast, 1, 1, 1, H::single_key, M::none, G::keys, "2.2.0",
     "Removes the expiry."},
    {pexpire, none, "pexpire", -3, write | fast, 1, 1, 1, H::single_key, M::none, G::keys, "2.6.0",
     "Sets the time to live in milliseconds."},
    {pexpireat, none, "pexpireat", -3, write | fast, 1, 1, 1, H::single_key, M::none, G::keys,
     "2.6.0", "Sets the time of expiry in Unix milliseconds."},
    {pexpiretime, none, "pexpiretime", 2, look | quiet, 1, 1, 1, H::single_key, M::none, G::keys,
     "7.0.0", "Returns the time of expiry in Unix milliseconds."},
    {pttl, none, "pttl", 2, look | quiet, 1, 1, 1, H::single_key, M::none, G::keys, "2.6.0",
     "Returns the time to live in milliseconds."},
    {randomkey, none, "randomkey", 1, readonly, 0, 0, 0, H::keyspace, M::none, G::keys, "1.0.0",
     "Returns the name of some key."},
    {rename, none, "rename", 3, write, 1, 2, 1, H::together, M::none, G::keys, "1.0.0",
     "Gives a key another name."},
    {renamenx, none, "renamenx", 3, write | fast, 1, 2, 1, H::together, M::none, G::keys, "1.0.0",
     "Gives a key another name unless that is taken."},
    {scan, none, "scan", -2, readonly, 0, 0, 0, H::keyspace, M::none, G::keys, "2.8.0",
     "Returns the names of keys, a few at a time."},
    {touch, none, "touch", -2, look, 1, -1, 1, H::multi_key, M::sum, G::keys, "3.2.1",
     "Counts the keys that exist and notes an access to each."},
    {ttl, none, "ttl", 2, look | quiet, 1, 1, 1, H::single_key, M::none, G::keys, "1.0.0",
     "Returns the time to live in seconds."},
    {type, none, "type", 2, look | quiet, 1, 1, 1, H::single_key, M::none, G::keys, "1.0.0",
     "Returns the type of the value."},
    {unlink, none, "unlink", -2, write | fast, 1, -1, 1, H::together, M::sum, G::keys, "4.0.0",
     "Deletes keys."},

    {append, none, "append", 3, quick_grow, 1, 1, 1, H::single_key, M::none, G::string, "2.0.0",
     "Appends to a string, or makes one."},
    {decr, none, "decr", 2, quick_grow, 1, 1, 1, H::single_key, M::none, G::string, "1.0.0",
     "Subtracts one from an integer."},
    {decrby, none, "decrby", 3, quick_grow, 1, 1, 1, H::single_key, M::none, G::string, "1.0.0",
     "Subtracts from an integer."},
    {get, none, "get", 2, look, 1, 1, 1, H::single_key, M::none, G::string, "1.0.0",
     "Returns a string."},
    {getdel, none, "getdel", 2, write | fast, 1, 1, 1, H::single_key, M::none, G::string, "6.2.0",
     "Returns a string and deletes the key."},
    {getex, none, "getex", -2, write | fast, 1, 1, 1, H::single_key, M::none, G::string, "6.2.0",
     "Returns a string and changes the expiry."},
    {getrange, none, "getrange", 4, readonly, 1, 1, 1, H::single_key, M::none, G::string, "2.4.0",
     "Returns a part of a string."},
    {getset, none, "getset", 3, quick_grow, 1, 1, 1, H::single_key, M::none, G::string, "1.0.0",
     "Returns a string and sets it anew."},
    {incr, none, "incr", 2, quick_grow, 1, 1, 1, H::single_key, M::none, G::string, "1.0.0",
     "Adds one to an integer."},
    {incrby, none, "incrby", 3, quick_grow, 1, 1, 1, H::single_key, M::none, G::string, "1.0.0",
     "Adds to an integer."},
    {incrbyfloat, none, "incrbyfloat", 3, quick_grow, 1, 1, 1, H::single_key, M::none, G::string,
     "2.6.0", "Adds to a float."},
    {mget, none, "mget", -2, look, 1, -1, 1, H::multi_key, M::array, G::string, "1.0.0",
     "Returns several strings."},
    {mset, none, "mset", -3, grow, 1, -1, 2, H::together, M::ok, G::string, "1.0.1",
     "Sets several strings."},
    {msetnx, none, "msetnx", -3, grow, 1, -1, 2, H::together, M::none, G::string, "1.0.1",
     "Sets several strings unless one of the keys exists."},
    {psetex, none, "psetex", 4, grow, 1, 1, 1, H::single_key, M::none, G::string, "2.6.0",
     "Sets a string that lives so many milliseconds."},
    {set, none, "set", -3, grow, 1, 1, 1, H::single_key, M::none, G::string, "1.0.0",
     "Sets a string."},
    {setex, none, "setex", 4, grow, 1, 1, 1, H::single_key, M::none, G::string, "2.0.0",
     "Sets a string that lives so many seconds."},
    {setnx, none, "setnx", 3, quick_grow, 1, 1, 1, H::single_key, M::none, G::string, "1.0.0",
     "Sets a string unless the key exists."},
    {setrange, none, "setrange", 4, grow, 1, 1, 1, H::single_key, M::none, G::string, "2.2.0",
     "Overwrites a part of a string."},
    {strlen, none, "strlen", 2, look, 1, 1, 1, H::single_key, M::none, G::string, "2.2.0",
     "Returns the length of a string."},
    {substr, none, "substr", 4, readonly, 1, 1, 1, H::single_key, M::none, G::string, "1.0.0",
     "Returns a part of a string."},

    {hdel, none, "hdel", -3, write | fast, 1, 1, 1, H::single_key, M::none, G::hash, "2.0.0",
     "Deletes fields."},
    {hexists, none, "hexists", 3, look, 1, 1, 1, H::single_key, M::none, G::hash, "2.0.0",
     "Tells whether a field exists."},
    {hget, none, "hget", 3, look, 1, 1, 1, H::single_key, M::none, G::hash, "2.0.0",
     "Returns the value of a field."},
    {hgetall, none, "hgetall", 2, readonly, 1, 1, 1, H::single_key, M::none, G::hash, "2.0.0",
     "Returns all fields and their values."},
    {hincrby, none, "hincrby", 4, quick_grow, 1, 1, 1, H::single_key, M::none, G::hash, "2.0.0",
     "Adds to the integer in a field."},
    {hincrbyfloat, none, "hincrbyfloat", 4, quick_grow, 1, 1, 1, H::single_key, M::none, G::hash,
     "2.6.0", "Adds to the float in a field."},
    {hkeys, none, "hkeys", 2, readonly, 1, 1, 1, H::single_key, M::none, G::hash, "2.0.0",
     "Returns all fields."},
    {hlen, none, "hlen", 2, look, 1, 1, 1, H::single_key, M::none, G::hash, "2.0.0",
     "Returns the number of fields."},
    {hmget, none, "hmget", -3, look, 1, 1, 1, H::single_key, M::none, G::hash, "2.0.0",
     "Returns the values of several fields."},
    {hmset, none, "hmset", -4, quick_grow, 1, 1, 1, H::single_key, M::none, G::hash, "2.0.0",
     "Sets several fields."},
    {hrandfield, none, "hrandfield", -2, random_look, 1, 1, 1, H::single_key, M::none, G::hash,
     "6.2.0", "Returns fields chosen at random."},
    {hscan, none, "hscan", -3, readonly, 1, 1, 1, H::single_key, M::none, G::hash, "2.8.0",
     "Returns fields and values, some at a time."},
    {hset, none, "hset", -4, quick_grow, 1, 1, 1, H::single_key, M::none, G::hash, "2.0.0",
     "Sets fields."},
    {hsetnx, none, "hsetnx", 4, quick_grow, 1, 1, 1, H::single_key, M::none, G::hash, "2.0.0",
     "Sets a field unless it exists."},
    {hstrlen, none, "hstrlen", 3, look, 1, 1, 1, H::single_key, M::none, G::hash, "3.2.0",
     "Returns the length of the value of a field."},
    {hvals, none, "hvals", 2, readonly, 1, 1, 1, H::single_key, M::none, G::hash, "2.0.0",
     "Returns the values of all fields."},

    {sadd, none, "sadd", -3, quick_grow, 1, 1, 1, H::single_key, M::none, G::set, "1.0.0",
     "Adds members."},
    {scard, none, "scard", 2, look, 1, 1, 1, H::single_key, M::none, G::set, "1.0.0",
     "Returns the number of members."},
    {sismember, none, "sismember", 3, look, 1, 1, 1, H::single_key, M::none, G::set, "1.0.0",
     "Tells whether a member is there."},
    {smembers, none, "smembers", 2, readonly, 1, 1, 1, H::single_key, M::none, G::set, "1.0.0",
     "Returns all members."},
    {smismember, none, "smismember", -3, look, 1, 1, 1, H::single_key, M::none, G::set, "6.2.0",
     "Tells which members are there."},
    {spop, none, "spop", -2, write | fast | flag_random, 1, 1, 1, H::single_key, M::none, G::set,
     "1.0.0", "Takes members out, chosen at random."},
    {srandmember, none, "srandmember", -2, random_look, 1, 1, 1, H::single_key, M::none, G::set,
     "1.0.0", "Returns members chosen at random."},
    {srem, none, "srem", -3, write | fast, 1, 1, 1, H::single_key, M::none, G::set, "1.0.0",
     "Removes members."},
    {sscan, none, "sscan", -3, readonly, 1, 1, 1, H::single_key, M::none, G::set, "2.8.0",
     "Returns members, some at a time."},

    {sess_bind, none, "sess.bind", 3, write | fast, 1, 1, 1, H::single_key, M::none, G::sessions,
     "greenroom", "Says whose session this is."},
    {sess_create, none, "sess.create", -3, grow, 1, 1, 1, H::single_key, M::none, G::sessions,
     "greenroom", "Makes a session with a new id behind the prefix, and returns its key."},
    {sess_destroy, none, "sess.destroy", 2, write | fast, 1, 1, 1, H::single_key, M::none,
     G::sessions, "greenroom", "Ends a session."},
    {sess_events, none, "sess.events", -1, readonly | dangerous | flag_noscript, 0, 0, 0, H::users,
     M::none, G::sessions, "greenroom",
     "Returns what has happened to sessions, from a position on."},
    {sess_get, none, "sess.get", 2, look, 1, 1, 1, H::single_key, M::none, G::sessions, "greenroom",
     "Returns a session with its version, user and times."},
    {sess_history, none, "sess.history", -2, look | quiet, 1, 1, 1, H::single_key, M::none,
     G::sessions, "greenroom", "Returns the last changes of a session."},
    {sess_lock, none, "sess.lock", -2, write | fast | flag_no_multi, 1, 1, 1, H::single_key,
     M::none, G::sessions, "greenroom", "Locks a session, and returns a token to unlock it."},
    {sess_patch, none, "sess.patch", 3, grow, 1, 1, 1, H::single_key, M::none, G::sessions,
     "greenroom", "Changes members of a JSON object, and returns the new version."},
    {sess_set, none, "sess.set", -3, grow, 1, 1, 1, H::single_key, M::none, G::sessions,
     "greenroom", "Saves a session, if wanted only over a certain version."},
    {sess_stats, none, "sess.stats", 1, anytime | dangerous, 0, 0, 0, H::users, M::none,
     G::sessions, "greenroom", "Returns counters, and the sessions that are read most."},
    {sess_touch, none, "sess.touch", -2, write | fast, 1, 1, 1, H::single_key, M::none, G::sessions,
     "greenroom", "Notes an access to a session, and may set its time to live."},
    {sess_unlock, none, "sess.unlock", 3, write | fast | flag_no_multi, 1, 1, 1, H::single_key,
     M::none, G::sessions, "greenroom", "Unlocks a session."},
    {sess_user_erase, none, "sess.user.erase", 2, write | dangerous, 0, 0, 0, H::users, M::none,
     G::sessions, "greenroom", "Ends all sessions of a user and forgets the user."},
    {sess_user_list, none, "sess.user.list", 2, readonly, 0, 0, 0, H::users, M::none, G::sessions,
     "greenroom", "Returns the keys of a user's sessions and when each began."},
    {sess_user_revoke, none, "sess.user.revoke", -2, write, 0, 0, 0, H::users, M::none, G::sessions,
     "greenroom", "Ends all sessions of a user, or all but one."},
});

consteval bool rows_are_in_the_order_of_their_ids() {
  for (std::size_t i = 0; i < table.size(); ++i)
    if (static_cast<std::size_t>(table[i].id) != i) return false;
  return table.size() == static_cast<std::size_t>(none);
}
static_assert(rows_are_in_the_order_of_their_ids());

constexpr std::size_t slots = 512;
constexpr std::size_t longest_name = 32;

// FNV-1a over the lower-case name, folded to the table's size.
constexpr std::size_t first_slot(std::string_view name) {
  std::uint32_t hash = 2166136261u;
  for (char c : name) hash = (hash ^ static_cast<unsigned char>(lower(c))) * 16777619u;
  return (hash ^ (hash >> 15)) % slots;
}

// Open addressing over the top-level names: the row, or `none` for an empty slot.
consteval auto make_index() {
  std::array<CommandId, slots> index;
  index.fill(none);
  for (const CommandSpec& spec : table) {
    if (spec.parent != none) continue;
    std::size_t slot = first_slot(spec.name);
    while (index[slot] != none) slot = (slot + 1) % slots;
    index[slot] = spec.id;
  }
  return index;
}
constexpr auto index_by_name = make_index();

}  // namespace

std::span<const CommandSpec> all_commands() { return table; }

const CommandSpec& command_spec(CommandId id) { return table[static_cast<std::size_t>(id)]; }

const CommandSpec* find_command(std::string_view name) {
  // A name may be as long as a bulk string; no command's is.
  if (name.size() > longest_name) return nullptr;
  for (std::size_t slot = first_slot(name); index_by_name[slot] != none;
       slot = (slot + 1) % slots) {
    const CommandSpec& spec = command_spec(index_by_name[slot]);
    if (same_word(spec.name, name)) return &spec;
  }
  return nullptr;
}

const CommandSpec* find_subcommand(const CommandSpec& container, std::string_view name) {
  for (const CommandSpec& spec : table)
    if (spec.parent == container.id && same_word(spec.name.substr(container.name.size() + 1), name))
      return &spec;
  return nullptr;
}

const CommandSpec* find_full_name(std::string_view name) {
  std::size_t bar = name.find('|');
  const CommandSpec* container = find_command(name.substr(0, bar));
  if (bar == std::string_view::npos || container == nullptr) return container;
  return find_subcommand(*container, name.substr(bar + 1));
}

std::size_t count_keys(const CommandSpec& command, std::size_t words) {
  if (command.first_key == 0) return 0;
  std::size_t first = static_cast<std::size_t>(command.first_key);
  std::size_t last = command.last_key >= 0 ? static_cast<std::size_t>(command.last_key)
                                           : words - static_cast<std::size_t>(-command.last_key);
  return last < first ? 0 : (last - first) / static_cast<std::size_t>(command.key_step) + 1;
}

}  // namespace greenroom
