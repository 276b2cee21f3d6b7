import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.HashMap;
import java.util.Map;
import org.apache.kafka.connect.mirror.DefaultReplicationPolicy;
import org.apache.kafka.connect.mirror.IdentityReplicationPolicy;
import org.apache.kafka.connect.mirror.ReplicationPolicy;

/**
 * What MirrorMaker 2's own replication policies make of names, for the source cluster A.
 *
 * Each line of standard input is POLICY|TOPIC; the answer is that line with remote topic, source, upstream topic,
 * original topic, and whether it is a heartbeats, an internal, or a checkpoints topic; ~ is null.
 */
public class PolicyNames {
    public static void main(String[] arguments) throws Exception {
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in, "UTF-8"));
        for (String line = input.readLine(); line != null; line = input.readLine()) {
            String[] question = line.split("\\|", -1);
            ReplicationPolicy policy = policy(question[0]);
            String topic = question[1];
            System.out.println(String.join("|", question[0], topic, policy.formatRemoteTopic("A", topic),
                text(policy.topicSource(topic)), text(policy.upstreamTopic(topic)), text(policy.originalTopic(topic)),
                "" + policy.isHeartbeatsTopic(topic), "" + policy.isInternalTopic(topic),
                "" + policy.isCheckpointsTopic(topic)));
        }
    }

    private static ReplicationPolicy policy(String name) {
        Map<String, Object> settings = new HashMap<>();
        settings.put("source.cluster.alias", "A");
        if (name.contains("underscore")) settings.put("replication.policy.separator", "_");
        if (name.contains("unseparated")) settings.put("replication.policy.separator", "");
        if (name.endsWith("dotted")) settings.put("replication.policy.internal.topic.separator.enabled", "false");
        DefaultReplicationPolicy policy =
            name.startsWith("identity") ? new IdentityReplicationPolicy() : new DefaultReplicationPolicy();
        policy.configure(settings);
        return policy;
    }

    private static String text(String answer) {
        return answer == null ? "~" : answer;
    }
}
