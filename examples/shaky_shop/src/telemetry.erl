%% A small event dispatcher with the interface of the telemetry library, kept
%% in the tree because the shop is built on machines without a package mirror.
%%
%% Handlers run in the process that executes the event. A handler that raises
%% is detached, so that it can't break the code that it observes.
-module(telemetry).

-export([
    init/0,
    attach/4,
    attach_many/4,
    detach/1,
    execute/2,
    execute/3,
    list_handlers/1
]).

-define(TABLE, shaky_shop_telemetry).

%% Called once, when the application starts.
init() ->
    case ets:whereis(?TABLE) of
        undefined ->
            ?TABLE = ets:new(?TABLE, [
                ordered_set, public, named_table, {read_concurrency, true}
            ]),
            ok;
        _Tid ->
            ok
    end.

attach(Id, Event, Fun, Config) ->
    attach_many(Id, [Event], Fun, Config).

attach_many(Id, Events, Fun, Config) when is_function(Fun, 4) ->
    case ets:insert_new(?TABLE, {{id, Id}, Events}) of
        true ->
            Rows = [{{event, Event, Id}, Fun, Config} || Event <- Events],
            true = ets:insert(?TABLE, Rows),
            ok;
        false ->
            {error, already_exists}
    end.

detach(Id) ->
    case ets:take(?TABLE, {id, Id}) of
        [{_Key, Events}] ->
            lists:foreach(
                fun(Event) -> ets:delete(?TABLE, {event, Event, Id}) end, Events
            );
        [] ->
            {error, not_found}
    end.

execute(Event, Measurements) ->
    execute(Event, Measurements, #{}).

execute(Event, Measurements, Metadata) when is_map(Measurements), is_map(Metadata) ->
    lists:foreach(
        fun([Id, Fun, Config]) ->
            try
                Fun(Event, Measurements, Metadata, Config)
            catch
                Class:Reason:Stacktrace ->
                    detach(Id),
                    logger:error(
                        "telemetry handler ~p failed and was detached: ~p:~p~n~p",
                        [Id, Class, Reason, Stacktrace]
                    )
            end
        end,
        handlers(Event)
    ).

list_handlers(Prefix) ->
    Rows = ets:match(?TABLE, {{event, '$1', '$2'}, '$3', '$4'}),
    [
        #{id => Id, event_name => Event, function => Fun, config => Config}
     || [Event, Id, Fun, Config] <- Rows, lists:prefix(Prefix, Event)
    ].

%% Mix tasks emit events without the application, hence without the table.
handlers(Event) ->
    case ets:whereis(?TABLE) of
        undefined -> [];
        Tid -> ets:match(Tid, {{event, Event, '$1'}, '$2', '$3'})
    end.
