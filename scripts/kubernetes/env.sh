# Defaults shared by up.sh, down.sh and image.sh. Sourced, not run.
# Every value can be set from the environment beforehand.
# What build.sh made; or etcd and an API server from elsewhere, as envtest has them.
: "${K8S_BIN:=${KUBEBUILDER_ASSETS:-${XDG_CACHE_HOME:-$HOME/.cache}/katib-tests/kubernetes}}"
PATH=$K8S_BIN:$PATH
: "${K8S_DATA:=${TMPDIR:-/tmp}/k8s-data}"       # everything written at run time
: "${K8S_KUBECONFIG:=$K8S_DATA/kubeconfig}"

: "${K8S_API_PORT:=6443}"
: "${K8S_ETCD_PORT:=2379}"
: "${K8S_ETCD_PEER_PORT:=2380}"
: "${K8S_KCM_PORT:=10257}"
: "${K8S_SCHEDULER_PORT:=10259}"
: "${K8S_KUBELET_PORT:=10250}"
: "${K8S_KUBELET_HEALTHZ_PORT:=10248}"
: "${K8S_PROXY_HEALTHZ_PORT:=10256}"
: "${K8S_PROXY_METRICS_PORT:=10249}"

: "${K8S_SERVICE_CIDR:=10.96.0.0/16}"           # first address = "kubernetes" service
: "${K8S_SERVICE_IP:=10.96.0.1}"
: "${K8S_POD_CIDR:=10.88.0.0/16}"
: "${K8S_POD_GATEWAY:=10.88.0.1}"                # the bridge, and cluster DNS
: "${K8S_CLUSTER_DOMAIN:=cluster.local}"
: "${K8S_BRIDGE:=k8s0}"                         # bridge of the pod network (15 characters at most)
: "${K8S_SNAPSHOTTER:=overlayfs}"               # or: native
: "${K8S_MAX_PODS:=60}"
: "${K8S_FEATURE_GATES:=TTLAfterFinished=true}"
: "${K8S_APISERVER_ARGS:=}"                     # extra flags, separated by blanks
: "${K8S_KCM_ARGS:=}"
: "${K8S_KUBELET_ARGS:=}"
: "${K8S_TIMEOUT:=120}"                         # seconds up.sh waits for each part

# The node is named by its address: the kubelet then takes 127.0.0.1 as the
# node's address, which it refuses when given as --node-ip.
NODE_NAME=127.0.0.1

K8S_DATA=$(realpath -m "$K8S_DATA")
RUN=$K8S_DATA/run
LOG=$K8S_DATA/log
PKI=$K8S_DATA/pki
CTR_SOCK=$RUN/containerd.sock

die() { echo "${0##*/}: $*" >&2; exit 1; }

# Start time of a process in clock ticks since boot: with the pid it names one
# process for good, so that a reused pid is never taken for ours.
proc_start() {
    local stat
    stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
    stat=${stat##*) }
    set -- $stat
    [[ $1 != Z ]] || return 1
    echo "${20}"
}

# is_up NAME: does the process recorded in NAME.pid still live?
is_up() {
    local pid start now
    [[ -r $RUN/$1.pid ]] || return 1
    read -r pid start < "$RUN/$1.pid" || return 1
    now=$(proc_start "$pid") || return 1
    [[ $now == "$start" ]]
}

# need_port NAME PORT: refuses a port that something else holds. (An API server
# would otherwise work on the etcd of whoever that is.)
need_port() {
    if ! is_up "$1" && (exec 3<> "/dev/tcp/127.0.0.1/$2") 2>/dev/null; then
        die "port $2, for $1, is in use; env.sh says how to choose another"
    fi
}

# start NAME COMMAND...: runs it detached, unless it runs already.
start() {
    local name=$1 pid
    shift
    if is_up "$name"; then return 0; fi
    setsid nohup "$@" >> "$LOG/$name.log" 2>&1 < /dev/null &
    pid=$!
    disown "$pid"
    echo "$pid $(proc_start "$pid")" > "$RUN/$name.pid"
}
