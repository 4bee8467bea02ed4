<?php
// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// PHP's own sessions with phpredis' handler and its locks: phpredis.php begin|end PORT PASSWORD ids
[$self, $phase, $port, $password] = $argv;

function fail(string $what): never {
  echo "$what\n";
  exit(1);
}

function use_store(string $port, string $password): void {
  ini_set('session.save_handler', 'redis');
  ini_set('session.save_path', "tcp://127.0.0.1:$port?auth=$password&prefix=PHPREDIS_SESSION:");
  ini_set('session.use_cookies', '0');
  ini_set('session.cache_limiter', '');
  ini_set('session.gc_maxlifetime', '3600');
  ini_set('redis.session.locking_enabled', '1');
  ini_set('redis.session.lock_expire', '10');
  ini_set('redis.session.lock_retries', '100');
}

function open_session(string $id = ''): void {
  $_SESSION = [];
  session_id($id);
  if (!session_start()) fail('session_start failed');
}

if ($phase === 'begin') {
  use_store($port, 'wrong');
  try {
    if (@session_start()) fail('a wrong password was accepted');
  } catch (Exception $refused) {
  }
  @session_abort();
  $ids = [];
  use_store($port, $password);
  foreach (['alice', 'short', 'bob'] as $user) {
    ini_set('session.gc_maxlifetime', $user === 'short' ? '1' : '3600');
    $id = session_create_id();
    open_session($id);
    $_SESSION['user'] = $user;
    session_write_close();
    $ids[] = $id;
  }
  ini_set('session.gc_maxlifetime', '3600');
  open_session($ids[0]);
  $_SESSION['visits'] = ($_SESSION['visits'] ?? 0) + 1;
  session_write_close();
  usleep(1200000);  // the short one's time
  echo implode(' ', $ids), "\n";
} else {
  [$alice, $short, $bob] = array_slice($argv, 4);
  use_store($port, $password);
  open_session($alice);
  if (($_SESSION['user'] ?? '') !== 'alice' || $_SESSION['visits'] !== 1) fail('alice is not there');
  session_destroy();
  open_session($alice);
  if ($_SESSION) fail('alice is not logged out');
  session_abort();
  open_session($short);
  if ($_SESSION) fail('the short session has not expired');
  session_abort();
  open_session($bob);
  if (($_SESSION['user'] ?? '') !== 'bob') fail('bob is not there');
  session_write_close();
}
