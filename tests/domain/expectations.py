"""What each input does to each session, as the design tells it; written without a look at the machine's own table.

A column is a session of `examples.SESSIONS`, a row an input of `examples.INPUTS`. A cell says what the session is told
to be afterwards, and what is done about it:

    .                 not listed for this status, late, or refused: nothing at all
    =                 listed, and rightly changes nothing
    *                 changes silently: nobody is told
    status(reason)    what everybody is told; with `+` behind it, the program tries again by itself

    P  start pairing under the fresh name             x  close the current run
    S  start the stored device under the fresh name   F  forget the stored device: WhatsApp doesn't know it any more
    L  log the stored device out                      N  log out the device that was just paired
    D  log out the device that was found              A  ask WhatsApp for a code to type

The last line of a table names the inputs that do nothing to any of its sessions.
"""

from __future__ import annotations

PAIRING = """
                          qr_requested                   qr_ready                       expired
ConnectAsked              =                              =                              qr_requested P
RefreshAsked              =                              =                              qr_requested P
RefreshAsked by program   =                              =                              qr_requested P
PairingCodeAsked          *                              * A                            qr_requested P
StopAsked                 disconnected(stopped) x        disconnected(stopped) x        disconnected(stopped)
DisconnectAsked           disconnected(by_user) x        disconnected(by_user) x        disconnected(by_user)
HolderGone                expired(qr_timeout)            expired(qr_timeout)            =
DeviceFound               reconnecting(restoring) x      reconnecting(restoring) x      reconnecting(restoring)
DeviceFound own           reconnecting(restoring) x      reconnecting(restoring) x      reconnecting(restoring)
OutsideReported           .                              .                              connected(external)
OutsideReported gone      .                              .                              disconnected(stopped)
StartQueued               qr_requested(queued)           .                              .
StartEntered              *                              .                              .
CodeIssued                qr_ready                       *                              .
PairingCodeIssued         .                              =                              .
PairingCodeRefused        .                              =                              .
PairingCodeMistyped       .                              expired(qr_timeout)            .
CodesRanOut               error(unreachable) x           expired(qr_timeout)            .
OldPhoneScanned           .                              qr_ready(update_whatsapp)      .
Paired                    scanning                       scanning                       scanning
Paired old                scanning x                     scanning x                     scanning
Paired own                scanning x                     scanning x                     scanning
AlreadyLinked             error(already_linked) N        error(already_linked) N        error(already_linked) N
AlreadyLinked old         error(already_linked) xN       error(already_linked) xN       error(already_linked) N
AlreadyLinked own         error(already_linked) xN       error(already_linked) xN       error(already_linked) N
PairingRefused failed     error(pair_failed) x           error(pair_failed) x           .
PairingRefused passkey    error(passkey_required) x      error(passkey_required) x      .
PairingRefused outdated   error(client_outdated) x       error(client_outdated) x       .
Outdated                  error(client_outdated) x       error(client_outdated) x       .
NoRoute                   error(unreachable) x           error(unreachable) x           .
EngineFailed              error(engine) x                error(engine) x                .
EngineFailed lasting      error(engine) x                error(engine) x                .
QrRequestTimedOut         error(qr_request_timeout) x    .                              .
RoundClosed               .                              expired(qr_timeout)            .
ReachoutLimited           *                              *                              *
ReachoutLimited no longer =                              =                              =

nothing: Connected, LinkLost, KeepaliveMissed, KeepaliveRestored, StreamErrored, LoggedOut, LoggedOut locked,
    LoggedOut banned, Replaced, Banned, ConnectRefused, ScanStalled, LinkLossConfirmed, KeepaliveGivenUp,
    ReachoutLimitEnded, RouteMissed, RetryDue, OtherNetwork, OtherNetwork real
"""

CODES = """
                          asked                          typed
ConnectAsked              =                              =
RefreshAsked              =                              =
RefreshAsked by program   =                              =
PairingCodeAsked          =                              =
StopAsked                 disconnected(stopped) x        disconnected(stopped) x
DisconnectAsked           disconnected(by_user) x        disconnected(by_user) x
HolderGone                expired(qr_timeout)            expired(qr_timeout)
DeviceFound               reconnecting(restoring) x      reconnecting(restoring) x
DeviceFound own           reconnecting(restoring) x      reconnecting(restoring) x
CodeIssued                *                              *
PairingCodeIssued         *                              =
PairingCodeRefused        *                              =
PairingCodeMistyped       expired(qr_timeout)            expired(qr_timeout)
CodesRanOut               expired(qr_timeout)            expired(qr_timeout)
OldPhoneScanned           qr_ready(update_whatsapp)      qr_ready(update_whatsapp)
Paired                    scanning                       scanning
Paired old                scanning x                     scanning x
Paired own                scanning x                     scanning x
AlreadyLinked             error(already_linked) N        error(already_linked) N
AlreadyLinked old         error(already_linked) xN       error(already_linked) xN
AlreadyLinked own         error(already_linked) xN       error(already_linked) xN
PairingRefused failed     error(pair_failed) x           error(pair_failed) x
PairingRefused passkey    error(passkey_required) x      error(passkey_required) x
PairingRefused outdated   error(client_outdated) x       error(client_outdated) x
Outdated                  error(client_outdated) x       error(client_outdated) x
NoRoute                   error(unreachable) x           error(unreachable) x
EngineFailed              error(engine) x                error(engine) x
EngineFailed lasting      error(engine) x                error(engine) x
RoundClosed               expired(qr_timeout)            expired(qr_timeout)
ReachoutLimited           *                              *
ReachoutLimited no longer =                              =

nothing: OutsideReported, OutsideReported gone, StartQueued, StartEntered, QrRequestTimedOut, Connected, LinkLost,
    KeepaliveMissed, KeepaliveRestored, StreamErrored, LoggedOut, LoggedOut locked, LoggedOut banned, Replaced,
    Banned, ConnectRefused, ScanStalled, LinkLossConfirmed, KeepaliveGivenUp, ReachoutLimitEnded, RouteMissed,
    RetryDue, OtherNetwork, OtherNetwork real
"""

AT_REST = """
                          new                            stopped                        refused
ConnectAsked              qr_requested P                 reconnecting(restoring) S      qr_requested P
RefreshAsked              qr_requested P                 reconnecting(restoring) S      qr_requested P
RefreshAsked by program   =                              =                              =
PairingCodeAsked          qr_requested P                 .                              qr_requested P
StopAsked                 =                              =                              disconnected(stopped)
DisconnectAsked           =                              disconnected(by_user) L        disconnected(by_user)
HolderGone                =                              =                              =
DeviceFound               = D                            = D                            reconnecting(restoring)
DeviceFound own           = D                            =                              reconnecting(restoring)
OutsideReported           connected(external)            .                              connected(external)
OutsideReported gone      =                              .                              disconnected(stopped)
Paired                    = N                            = N                            scanning
Paired old                = N                            = N                            scanning
Paired own                = N                            =                              scanning
AlreadyLinked             = N                            = N                            error(already_linked) N
AlreadyLinked old         = N                            = N                            error(already_linked) N
AlreadyLinked own         = N                            =                              error(already_linked) N
RetryDue                  .                              .                              =
ReachoutLimited           *                              *                              *
ReachoutLimited no longer =                              =                              =

nothing: StartQueued, StartEntered, CodeIssued, CodesRanOut, OldPhoneScanned, PairingRefused failed,
    PairingRefused passkey, PairingRefused outdated, Connected, LinkLost, KeepaliveMissed, KeepaliveRestored,
    StreamErrored, LoggedOut, LoggedOut locked, LoggedOut banned, Replaced, Banned, Outdated, ConnectRefused, NoRoute,
    EngineFailed, EngineFailed lasting, QrRequestTimedOut, RoundClosed, ScanStalled, LinkLossConfirmed,
    KeepaliveGivenUp, ReachoutLimitEnded, RouteMissed, OtherNetwork, OtherNetwork real, PairingCodeIssued,
    PairingCodeRefused, PairingCodeMistyped
"""

SCANNED = """
                          scanning                       restarted
ConnectAsked              =                              =
RefreshAsked              =                              =
RefreshAsked by program   =                              =
StopAsked                 disconnected(stopped) x        disconnected(stopped) x
DisconnectAsked           disconnected(by_user) L        disconnected(by_user) L
HolderGone                reconnecting(restoring)        reconnecting(restoring)
DeviceFound               = D                            = D
DeviceFound own           =                              =
StartEntered              *                              *
Paired                    = N                            = N
Paired old                = N                            = N
Paired own                =                              =
AlreadyLinked             = N                            = N
AlreadyLinked old         = N                            = N
AlreadyLinked own         error(already_linked) L        error(already_linked) L
PairingRefused failed     error(pair_failed) F           error(pair_failed) F
PairingRefused passkey    error(passkey_required) F      error(passkey_required) F
PairingRefused outdated   error(client_outdated) F       error(client_outdated) F
Connected                 connected                      connected
LoggedOut                 disconnected(logged_out) F     disconnected(logged_out) F
LoggedOut locked          disconnected(account_locked) F disconnected(account_locked) F
LoggedOut banned          disconnected(account_banned) F disconnected(account_banned) F
Replaced                  error(replaced)+ x             error(replaced)+ x
Banned                    error(temporary_ban)+ x        error(temporary_ban)+ x
Outdated                  error(client_outdated) x       error(client_outdated) x
ConnectRefused            error(connect_refused)+ x      error(connect_refused)+ x
NoRoute                   reconnecting(unreachable)+ x   reconnecting(unreachable)+ x
OtherNetwork              error(engine) x                error(engine) x
OtherNetwork real         error(engine) x                error(engine) x
EngineFailed              reconnecting(engine)+ x        reconnecting(engine)+ x
EngineFailed lasting      error(engine)+ x               error(engine)+ x
ScanStalled               * xS                           error(pair_stalled) x
ReachoutLimited           *                              *
ReachoutLimited no longer =                              =

nothing: StartQueued, CodeIssued, CodesRanOut, OldPhoneScanned, LinkLost, KeepaliveMissed, KeepaliveRestored,
    StreamErrored, QrRequestTimedOut, RoundClosed, LinkLossConfirmed, KeepaliveGivenUp, ReachoutLimitEnded,
    RouteMissed, RetryDue, OutsideReported, OutsideReported gone, PairingCodeAsked, PairingCodeIssued,
    PairingCodeRefused, PairingCodeMistyped
"""

LINKED = """
                          connected                      doubted                         reconnecting
ConnectAsked              =                              =                               =
RefreshAsked              =                              =                               =
RefreshAsked by program   =                              =                               =
StopAsked                 disconnected(stopped) x        disconnected(stopped) x         disconnected(stopped) x
DisconnectAsked           disconnected(by_user) L        disconnected(by_user) L         disconnected(by_user) L
HolderGone                reconnecting(restoring)        reconnecting(restoring)         reconnecting(restoring)
DeviceFound               = D                            = D                             = D
DeviceFound own           =                              =                               =
StartQueued               .                              .                               *
StartEntered              .                              .                               *
Paired                    = N                            = N                             = N
Paired old                = N                            = N                             = N
Paired own                =                              =                               =
AlreadyLinked             = N                            = N                             = N
AlreadyLinked old         = N                            = N                             = N
AlreadyLinked own         =                              =                               =
Connected                 =                              connected                       connected
LinkLost                  *                              =                               .
KeepaliveMissed           connected(degraded)            =                               .
KeepaliveRestored         =                              connected                       .
StreamErrored             reconnecting(stream_error)     reconnecting(stream_error)      reconnecting(stream_error)
LoggedOut                 disconnected(logged_out) F     disconnected(logged_out) F      disconnected(logged_out) F
LoggedOut locked          disconnected(account_locked) F disconnected(account_locked) F  disconnected(account_locked) F
LoggedOut banned          disconnected(account_banned) F disconnected(account_banned) F  disconnected(account_banned) F
Replaced                  error(replaced)+ x             error(replaced)+ x              error(replaced)+ x
Banned                    error(temporary_ban)+ x        error(temporary_ban)+ x         error(temporary_ban)+ x
Outdated                  error(client_outdated) x       error(client_outdated) x        error(client_outdated) x
ConnectRefused            error(connect_refused)+ x      error(connect_refused)+ x       error(connect_refused)+ x
NoRoute                   reconnecting(unreachable)+ x   reconnecting(unreachable)+ x    reconnecting(unreachable)+ x
OtherNetwork              .                              .                               error(engine) x
OtherNetwork real         .                              .                               error(engine) x
EngineFailed              reconnecting(engine)+ x        reconnecting(engine)+ x         reconnecting(engine)+ x
EngineFailed lasting      error(engine)+ x               error(engine)+ x                error(engine)+ x
LinkLossConfirmed         =                              reconnecting(link_lost)         .
KeepaliveGivenUp          =                              reconnecting(keepalive_timeout) .
RouteMissed               .                              .                               reconnecting(unreachable)
RetryDue                  .                              .                               * xS
ReachoutLimited           connected(reachout_limited)    *                               *
ReachoutLimited no longer =                              =                               =
ReachoutLimitEnded        =                              =                               .

nothing: CodeIssued, CodesRanOut, OldPhoneScanned, PairingRefused failed, PairingRefused passkey,
    PairingRefused outdated, QrRequestTimedOut, RoundClosed, ScanStalled, OutsideReported, OutsideReported gone,
    PairingCodeAsked, PairingCodeIssued, PairingCodeRefused, PairingCodeMistyped
"""

LIMITED = """
                          limited
ConnectAsked              =
RefreshAsked              =
RefreshAsked by program   =
StopAsked                 disconnected(stopped) x
DisconnectAsked           disconnected(by_user) L
HolderGone                reconnecting(restoring)
DeviceFound               = D
DeviceFound own           =
Paired                    = N
Paired old                = N
Paired own                =
AlreadyLinked             = N
AlreadyLinked old         = N
AlreadyLinked own         =
Connected                 =
LinkLost                  *
KeepaliveMissed           connected(degraded)
KeepaliveRestored         =
StreamErrored             reconnecting(stream_error)
LoggedOut                 disconnected(logged_out) F
LoggedOut locked          disconnected(account_locked) F
LoggedOut banned          disconnected(account_banned) F
Replaced                  error(replaced)+ x
Banned                    error(temporary_ban)+ x
Outdated                  error(client_outdated) x
ConnectRefused            error(connect_refused)+ x
NoRoute                   reconnecting(unreachable)+ x
EngineFailed              reconnecting(engine)+ x
EngineFailed lasting      error(engine)+ x
LinkLossConfirmed         =
KeepaliveGivenUp          =
ReachoutLimited           =
ReachoutLimited no longer connected
ReachoutLimitEnded        connected

nothing: StartQueued, StartEntered, OtherNetwork, OtherNetwork real, RouteMissed, RetryDue, CodeIssued, CodesRanOut,
    OldPhoneScanned, PairingRefused failed, PairingRefused passkey, PairingRefused outdated, QrRequestTimedOut,
    RoundClosed, ScanStalled, OutsideReported, OutsideReported gone, PairingCodeAsked, PairingCodeIssued,
    PairingCodeRefused, PairingCodeMistyped
"""

WAITING = """
                          waiting                        replaced
ConnectAsked              =                              reconnecting(restoring) S
RefreshAsked              =                              reconnecting(restoring) S
RefreshAsked by program   =                              =
StopAsked                 disconnected(stopped)          disconnected(stopped)
DisconnectAsked           disconnected(by_user) L        disconnected(by_user) L
HolderGone                reconnecting(restoring)        =
DeviceFound               = D                            = D
DeviceFound own           =                              =
Paired                    = N                            = N
Paired old                = N                            = N
Paired own                =                              =
AlreadyLinked             = N                            = N
AlreadyLinked old         = N                            = N
AlreadyLinked own         =                              =
RouteMissed               =                              .
RetryDue                  reconnecting(unreachable) S    reconnecting(restoring) S
ReachoutLimited           *                              *
ReachoutLimited no longer =                              =

nothing: StartQueued, StartEntered, CodeIssued, CodesRanOut, OldPhoneScanned, PairingRefused failed,
    PairingRefused passkey, PairingRefused outdated, Connected, LinkLost, KeepaliveMissed, KeepaliveRestored,
    StreamErrored, LoggedOut, LoggedOut locked, LoggedOut banned, Replaced, Banned, Outdated, ConnectRefused, NoRoute,
    EngineFailed, EngineFailed lasting, QrRequestTimedOut, RoundClosed, ScanStalled, LinkLossConfirmed,
    KeepaliveGivenUp, ReachoutLimitEnded, OutsideReported, OutsideReported gone, OtherNetwork, OtherNetwork real,
    PairingCodeAsked, PairingCodeIssued, PairingCodeRefused, PairingCodeMistyped
"""

OUTSIDE = """
                          outside
ConnectAsked              =
RefreshAsked              =
RefreshAsked by program   =
StopAsked                 disconnected(stopped)
DisconnectAsked           disconnected(by_user)
HolderGone                =
DeviceFound               = D
DeviceFound own           = D
OutsideReported           =
OutsideReported gone      disconnected(stopped)
Paired                    = N
Paired old                = N
Paired own                = N
AlreadyLinked             = N
AlreadyLinked old         = N
AlreadyLinked own         = N
ReachoutLimited           *
ReachoutLimited no longer =

nothing: StartQueued, StartEntered, CodeIssued, CodesRanOut, OldPhoneScanned, PairingRefused failed,
    PairingRefused passkey, PairingRefused outdated, Connected, LinkLost, KeepaliveMissed, KeepaliveRestored,
    StreamErrored, LoggedOut, LoggedOut locked, LoggedOut banned, Replaced, Banned, Outdated, ConnectRefused, NoRoute,
    EngineFailed, EngineFailed lasting, QrRequestTimedOut, RoundClosed, ScanStalled, LinkLossConfirmed,
    KeepaliveGivenUp, ReachoutLimitEnded, RouteMissed, RetryDue, OtherNetwork, OtherNetwork real, PairingCodeAsked,
    PairingCodeIssued, PairingCodeRefused, PairingCodeMistyped
"""

TABLES = (PAIRING, CODES, AT_REST, SCANNED, LINKED, LIMITED, WAITING, OUTSIDE)
