# A spawned process has no parent that learns of its end or stops it in order; one below a supervisor has.
ExUnit.start(capture_log: true, assert_receive_timeout: 2_000)

defmodule Shop do
  use Application

  def start(_type, test) do
    send(test, {:spawned, spawn(fn -> stop_when_told(test) end)})

    {:ok, supervisor} =
      Supervisor.start_link([{Task.Supervisor, name: Shop.Tasks}], strategy: :one_for_one)

    {:ok, _pid} = Task.Supervisor.start_child(Shop.Tasks, fn -> stop_when_told(test) end)
    {:ok, supervisor}
  end

  defp stop_when_told(test) do
    Process.flag(:trap_exit, true)
    send(test, {:ready, self()})

    receive do
      {:EXIT, _from, :shutdown} -> send(test, {:cleaned_up, self()})
    end
  end
end

defmodule SpawnedProcessTest do
  use ExUnit.Case, async: false

  import ExUnit.CaptureLog

  test "old: nobody learns of the crash, and nothing says who started it" do
    test = self()

    pid =
      spawn(fn ->
        send(test, {self(), Process.get(:"$ancestors"), Process.get(:"$callers")})

        receive do
          :fail -> raise "no"
        end
      end)

    ref = Process.monitor(pid)
    assert_receive {^pid, nil, nil}
    send(pid, :fail)
    # Only who asks is told.
    assert_receive {:DOWN, ^ref, :process, ^pid, {%RuntimeError{}, _stack}}
    refute_received {:EXIT, _pid, _reason}
  end

  test "new: the crash of a task names the process that started it" do
    {:ok, supervisor} = Task.Supervisor.start_link()
    test = self()

    log =
      capture_log(fn ->
        {:ok, pid} =
          Task.Supervisor.start_child(supervisor, fn ->
            send(test, {self(), Process.get(:"$ancestors"), Process.get(:"$callers")}) &&
              raise "no"
          end)

        ref = Process.monitor(pid)
        assert_receive {^pid, [^supervisor | _], [^test | _]}
        assert_receive {:DOWN, ^ref, :process, ^pid, _reason}
      end)

    assert log =~ "Task #PID" and log =~ "started from #{inspect(test)}"
  end

  test "new: a task is started again where its restart type says so" do
    {:ok, supervisor} = Task.Supervisor.start_link()
    test = self()

    Task.Supervisor.start_child(
      supervisor,
      fn ->
        send(test, {:try, self()})

        receive do
          :fail -> raise "no"
          :done -> send(test, :done)
        end
      end,
      restart: :transient
    )

    assert_receive {:try, first}
    send(first, :fail)
    assert_receive {:try, second}
    assert first != second
    send(second, :done)
    assert_receive :done
  end

  test "when the application stops, the spawned process is killed, the task may clean up" do
    keys = [
      vsn: '1',
      modules: [Shop],
      registered: [],
      applications: [:kernel],
      mod: {Shop, self()}
    ]

    :ok = :application.load({:application, :shop, keys})
    :ok = Application.start(:shop)
    assert_receive {:spawned, spawned}
    for _ <- 1..2, do: assert_receive({:ready, _pid})
    ref = Process.monitor(spawned)

    :ok = Application.stop(:shop)
    assert_receive {:cleaned_up, task}
    assert task != spawned
    assert_receive {:DOWN, ^ref, :process, ^spawned, :killed}
    refute_received {:cleaned_up, ^spawned}
  end
end
