<?php
// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Symfony's RedisSessionHandler over Predis: symfony_predis.php begin|end PORT PASSWORD ids
require_once '/usr/share/php/Predis/Autoloader.php';
require_once '/usr/share/php/Symfony/Component/HttpFoundation/autoload.php';
Predis\Autoloader::register();

use Symfony\Component\HttpFoundation\Session\Storage\Handler\RedisSessionHandler;

error_reporting(E_ALL & ~E_DEPRECATED);
[$self, $phase, $port, $password] = $argv;

function fail(string $what): never {
  echo "$what\n";
  exit(1);
}

function client(string $port, string $password): Predis\Client {
  return new Predis\Client(['host' => '127.0.0.1', 'port' => (int) $port, 'password' => $password]);
}

function handler(string $port, string $password, int $ttl): RedisSessionHandler {
  $handler = new RedisSessionHandler(client($port, $password), ['prefix' => 'sf_s', 'ttl' => $ttl]);
  $handler->open('', 'session');
  return $handler;
}

if ($phase === 'begin') {
  try {
    client($port, 'wrong')->ping();
    fail('a wrong password was accepted');
  } catch (Predis\PredisException $refused) {
  }
  $ids = array_map(fn() => bin2hex(random_bytes(16)), range(0, 2));
  handler($port, $password, 3600)->write($ids[0], 'user|alice');
  handler($port, $password, 1)->write($ids[1], 'user|short');
  handler($port, $password, 3600)->write($ids[2], 'user|bob');
  $handler = handler($port, $password, 3600);
  if ($handler->read($ids[0]) !== 'user|alice') fail('alice is not there');
  $handler->write($ids[0], 'user|alice;visits|1');
  $handler->updateTimestamp($ids[2], 'user|bob');
  usleep(1200000);
  echo implode(' ', $ids), "\n";
} else {
  [$alice, $short, $bob] = array_slice($argv, 4);
  $handler = handler($port, $password, 3600);
  if ($handler->read($alice) !== 'user|alice;visits|1') fail('alice is not as she was');
  if ($handler->read($short) !== '') fail('the short session has not expired');
  $handler->destroy($alice);
  if ($handler->read($alice) !== '') fail('alice is not logged out');
  if ($handler->read($bob) !== 'user|bob') fail('bob is not there');
}
