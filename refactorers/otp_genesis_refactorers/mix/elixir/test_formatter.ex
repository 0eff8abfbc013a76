defmodule OtpGenesis.TestFormatter do
  @moduledoc false
  # An ExUnit formatter that reports what became of each test.

  use GenServer

  alias OtpGenesis.Report

  @longest_message 4_000
  @width 100

  @impl true
  def init(_options), do: {:ok, nil}

  @impl true
  def handle_cast({:suite_started, _options}, state), do: noted(%{event: "suite_started"}, state)
  def handle_cast({:suite_finished, _times}, state), do: noted(%{event: "suite_finished"}, state)

  def handle_cast({:suite_finished, _run, _load}, state),
    do: noted(%{event: "suite_finished"}, state)

  def handle_cast({:test_finished, test}, state) do
    entry = %{
      event: "test",
      module: inspect(test.module),
      name: test.name |> Atom.to_string() |> String.replace_prefix("test ", ""),
      file: test.tags.file,
      line: test.tags.line,
      microseconds: test.time
    }

    noted(Map.merge(entry, outcome(test)), state)
  end

  def handle_cast({:module_finished, %{state: {:failed, failures}} = module}, state) do
    failure =
      failure(
        failures,
        &ExUnit.Formatter.format_test_all_failure(module, failures, 1, @width, &1)
      )

    noted(Map.merge(%{event: "module_failed", module: inspect(module.name)}, failure), state)
  end

  def handle_cast(_event, state), do: {:noreply, state}

  defp noted(entry, state) do
    Report.write(entry)
    {:noreply, state}
  end

  defp outcome(%{state: nil}), do: %{state: "passed"}
  defp outcome(%{state: {:skipped, reason}}), do: %{state: "skipped", message: text(reason)}
  defp outcome(%{state: {:excluded, reason}}), do: %{state: "excluded", message: text(reason)}
  defp outcome(%{state: {:invalid, _module}}), do: %{state: "invalid"}

  defp outcome(%{state: {:failed, failures}} = test) do
    failures
    |> failure(&ExUnit.Formatter.format_test_failure(test, failures, 1, @width, &1))
    |> Map.put(:state, "failed")
  end

  defp failure(failures, format) do
    {kind, exception} =
      failures |> Enum.map(&kind/1) |> Enum.min_by(&rank/1, fn -> {"error", ""} end)

    plain = fn _key, text -> text end
    message = plain |> format.() |> IO.iodata_to_binary() |> String.slice(0, @longest_message)
    %{kind: kind, exception: exception, message: message}
  end

  # A test may fail in several ways at once: what it asserts says most.
  defp rank({"assertion", _exception}), do: 0
  defp rank(_other), do: 1

  defp kind({:error, %ExUnit.MultiError{errors: errors}, _stack}) do
    errors |> Enum.map(&kind/1) |> Enum.min_by(&rank/1)
  end

  defp kind({:error, %ExUnit.AssertionError{}, _stack}),
    do: {"assertion", "ExUnit.AssertionError"}

  defp kind({:error, %ExUnit.TimeoutError{}, _stack}), do: {"timeout", "ExUnit.TimeoutError"}
  defp kind({:error, %name{}, _stack}), do: {"error", inspect(name)}
  defp kind({:error, _reason, _stack}), do: {"error", "ErlangError"}
  defp kind({:throw, _value, _stack}), do: {"throw", ""}
  defp kind({_exit_or_linked, _reason, _stack}), do: {"exit", ""}

  defp text(reason) when is_binary(reason), do: reason
  defp text(reason), do: inspect(reason)
end
