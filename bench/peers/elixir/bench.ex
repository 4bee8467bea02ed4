# Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
# The workloads where Elixir's own library is what one would use: Registry, DynamicSupervisor, Task,
# GenServer.
#
#   elixir --erl "+P 20000000 +S N:N" -pa DIR -e 'Bench.main(~w(WORKLOAD SIZE...))'
defmodule Bench.Server do
  use GenServer

  def init(state), do: {:ok, state}
  def handle_call({:echo, value}, _from, state), do: {:reply, value, state}
end

defmodule Bench.Crasher do
  use GenServer, restart: :permanent

  def start_link(argument), do: GenServer.start_link(__MODULE__, argument)
  def init(argument), do: {:ok, argument, {:continue, :go}}

  def handle_continue(:go, {crashes, most, owner} = state) do
    :counters.add(crashes, 1, 1)

    if :counters.get(crashes, 1) > most do
      send(owner, :crashed_enough)
      {:noreply, state}
    else
      raise "boom"
    end
  end
end

defmodule Bench do
  def main([name | sizes]) do
    :logger.set_primary_config(:level, :none)
    sizes = Enum.map(sizes, &String.to_integer/1)
    Task.await(Task.async(fn -> run(name, sizes) end), :infinity)
    System.halt(0)
  end

  defp report(name, metric, value, unit),
    do: :io.format("~s elixir ~s ~.3f ~s~n", [name, metric, value * 1.0, unit])

  defp now, do: System.monotonic_time(:nanosecond)
  defp rate(count, start), do: count * 1.0e9 / (now() - start)
  defp draw(seed), do: rem(seed * 48271, 2_147_483_647)

  defp resident do
    [_, pages | _] = String.split(File.read!("/proc/self/statm"))
    String.to_integer(pages) * 4096
  end

  def run("spawn_idle_gs", [count]) do
    :erlang.garbage_collect()
    before = resident()
    start = now()
    for _ <- 1..count, do: {:ok, _} = GenServer.start(Bench.Server, 0)
    rate = rate(count, start)
    Process.sleep(200)
    report("spawn_idle_gs", "rss_per_proc", (resident() - before) / count, "bytes")
    report("spawn_idle_gs", "rate", rate, "procs/s")
  end

  def run("call", [1, total]) do
    {:ok, server} = GenServer.start(Bench.Server, 0)
    start = now()
    calls(total, server)
    report("call_1", "rate", rate(total, start), "calls/s")
  end

  def run("registry", [count, lookups, readers]) do
    {:ok, _} =
      Registry.start_link(keys: :unique, name: Names, partitions: System.schedulers_online())

    owner = self()
    start = now()

    for i <- 1..count do
      spawn(fn ->
        {:ok, _} = Registry.register(Names, "bench_name_#{i}", nil)
        send(owner, :registered)
        receive do: (:stop -> :ok)
      end)
    end

    for _ <- 1..count, do: receive(do: (:registered -> :ok))
    report("registry", "register_rate", rate(count, start), "ops/s")
    keys = List.to_tuple(for i <- 1..count, do: "bench_name_#{i}")

    for {at_once, suffix} <- [{1, ""}, {readers, "_x#{readers}"}] do
      start = now()

      1..at_once
      |> Enum.map(fn i -> Task.async(fn -> look_up(lookups, keys, count, 886_452 + i) end) end)
      |> Task.await_many(:infinity)

      report("registry", "lookup_rate#{suffix}", rate(lookups * at_once, start), "lookups/s")
    end
  end

  def run("restarts", [count]) do
    crashes = :counters.new(1, [])
    Process.flag(:trap_exit, true)

    {:ok, supervisor} =
      DynamicSupervisor.start_link(
        strategy: :one_for_one,
        max_restarts: 1_000_000_000,
        max_seconds: 1
      )

    start = now()
    DynamicSupervisor.start_child(supervisor, {Bench.Crasher, {crashes, count, self()}})
    receive do: (:crashed_enough -> :ok)
    report("restarts", "rate", rate(count, start), "restarts/s")
  end

  def run("pmap", [tasks, n]) do
    start = now()

    1..tasks
    |> Enum.map(fn _ -> Task.async(fn -> fibonacci(n) end) end)
    |> Task.await_many(:infinity)

    report("pmap", "time", (now() - start) / 1.0e6, "ms")
  end

  def run(name, _), do: report(name, "n/a", 0, "-")

  defp calls(0, _), do: :ok

  defp calls(left, server) do
    ^left = GenServer.call(server, {:echo, left})
    calls(left - 1, server)
  end

  defp look_up(0, _, _, _), do: :ok

  defp look_up(left, keys, count, seed) do
    random = draw(seed)
    [{_, _}] = Registry.lookup(Names, elem(keys, rem(random, count)))
    look_up(left - 1, keys, count, random)
  end

  defp fibonacci(n) when n < 2, do: n
  defp fibonacci(n), do: fibonacci(n - 1) + fibonacci(n - 2)
end
